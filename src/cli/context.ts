/** What every command gets. Heavy parts are loaded when they are first asked for. */
import fs from 'node:fs';
import path from 'node:path';
import type { TrainerClient } from '../client/index.ts';
import type { Settings } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { Offline } from '../offline/index.ts';
import type { Remote } from './remote.ts';
import type { Terminal } from './terminal.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** The checkout or package that runs. */
const root = path.resolve(import.meta.dirname, '../..');

export type Context = {
  readonly env: Env;
  readonly cwd: string;
  readonly terminal: Terminal;
  readonly json: boolean;
  /** Another machine whose daemon is asked (`-H`), or null. */
  readonly host: string | null;
  /** An address that is asked instead of the state directory's daemon (RUNYARD_ADDRESS), or null. */
  readonly address: string | null;
  /** The checkout or package that runs, and its version. */
  readonly root: string;
  readonly version: string;
  /** The command that runs us. */
  readonly command: readonly string[];
  settings(overrides?: Partial<Settings>): Promise<Settings>;
  home(): Promise<string>;
  /** Throws daemon_not_running. Closed when the command ends. */
  connect(options?: { deadlineMs?: number }): Promise<TrainerClient>;
  /** Runs as the state directory alone shows them. Closed when the command ends. */
  offline(): Promise<Offline>;
  close(): Promise<void>;
};

export function createContext(io: {
  env: Env;
  cwd: string;
  terminal: Terminal;
  json: boolean;
  host: string | null;
  address: string | null;
}): Context {
  const { host, address, terminal } = io;
  const clients: { close(): void }[] = [];
  let offline: Offline | null = null;
  let remote: Promise<Remote> | null = null;
  const tunnel = async (name: string): Promise<Remote> => {
    const { openRemote } = await import('./remote.ts');
    return openRemote({ host: name, env: io.env, attended: terminal.errTty });
  };
  const settings = async (overrides: Partial<Settings> = {}): Promise<Settings> => {
    const { loadSettings } = await import('../contracts/index.ts');
    return loadSettings(io.env, overrides).values;
  };
  const home = async (): Promise<string> => {
    const { resolveHome, settingsFile } = await import('../contracts/index.ts');
    // Checking settings takes longer than asking the daemon: only when there are any.
    if (io.env.RUNYARD_HOME || !fs.existsSync(settingsFile(io.env))) return resolveHome(io.env);
    return (await settings()).home;
  };
  return {
    ...io,
    root,
    version: versionOf(),
    command: [process.execPath, '--disable-warning=ExperimentalWarning', mainFile()],
    settings,
    home,
    async connect(options = {}) {
      const { connect } = await import('../client/index.ts');
      if (host !== null) remote ??= tunnel(host);
      const far = await remote;
      const target =
        far !== null
          ? { socket: far.socket, where: far.where }
          : address !== null
            ? { address }
            : { home: await home() };
      const client = await connect({ ...target, env: io.env, ...options });
      clients.push(client);
      return client;
    },
    async offline() {
      if (host !== null) throw usage('--offline', 'looks at this machine alone, not at --host');
      if (address !== null)
        throw usage('--offline', 'looks at this machine alone, not at RUNYARD_ADDRESS');
      const { openOffline } = await import('../offline/index.ts');
      if (offline === null) {
        offline = openOffline(await home());
        clients.push(offline);
      }
      return offline;
    },
    async close() {
      for (const client of clients.splice(0)) client.close();
      const far = await remote?.catch(() => null);
      far?.close();
    },
  };
}

/** A whole number from a command line. Throws usage. */
export function wholeNumber(text: string, option: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usage(option, `must be a whole number, not "${text}"`);
}

/** An error of how the command was used. */
export function usage(field: string, rule: string, hint = ''): RunyardError {
  return new RunyardError('usage', 'that is not how this command is used', {
    violations: [{ field, rule, hint }],
  });
}

function mainFile(): string {
  return path.join(import.meta.dirname, `main${path.extname(import.meta.filename)}`);
}

/** Our own version. */
export function versionOf(): string {
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
