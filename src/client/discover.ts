/** Finds the daemon of a state directory. */
import fs from 'node:fs';
import path from 'node:path';
import { resolveHome, type Settings } from '../contracts/index.ts';
import { errnoOf, RunyardError } from '../errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** `daemon.json` of a home: where its daemon listens, or did. */
export type DaemonAddress = {
  pid: number;
  boot_id?: string;
  start_time?: string;
  yard: Settings['yard'];
  version: string;
  socket: string;
  tcp: string;
  token_file: string;
};

/** Throws daemon_not_running, with the command that starts one. */
export function discover(options: { home?: string; env: Env }): DaemonAddress {
  const home = options.home ?? resolveHome(options.env);
  try {
    return JSON.parse(fs.readFileSync(path.join(home, 'daemon.json'), 'utf8')) as DaemonAddress;
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') {
      throw new RunyardError('home_unusable', `${home}/daemon.json cannot be read`, { cause });
    }
    throw notRunning(home, cause);
  }
}

/** What to say when nobody answers for `where`. */
export function notRunning(where: string, cause?: unknown): RunyardError {
  return new RunyardError(
    'daemon_not_running',
    `no daemon runs for ${where}; start one: runyard up`,
    { cause },
  );
}

/** The same for an address, which may be another machine's. */
export function nobodyThere(where: string, cause?: unknown): RunyardError {
  return new RunyardError(
    'daemon_not_running',
    `no daemon answers at ${where}; is one up there, and is that its \`listen\`? One that encrypts wants \`ca\` (RUNYARD_CA)`,
    { cause },
  );
}
