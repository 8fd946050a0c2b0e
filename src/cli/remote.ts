/**
 * `-H host`: the control socket of a daemon on another machine, carried here by ssh. Nothing listens on a
 * network: who may log in there may ask that daemon, nobody else.
 */
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { RunyardError } from '../errors.ts';
import { type Env, usage } from './context.ts';

export type Remote = {
  /** Its end on this machine. */
  readonly socket: string;
  /** Host and state directory, for people. */
  readonly where: string;
  close(): void;
};

const askMs = 60_000;
const upMs = 60_000;
const greetMs = 10_000;
const againMs = 1000;
/** Longest path of a socket, with its end. */
const socketPathMax = 100;

const options = [
  // A connection of our own that ends with the command, whatever the user's configuration shares.
  ...['-o', 'ControlMaster=no', '-o', 'ControlPath=none', '-T'],
  ...['-o', 'ConnectTimeout=15', '-o', 'ServerAliveInterval=15'],
];

/**
 * Where the other machine's daemon listens: its own `runyard` says it, else its address file does. One
 * line without a single quote, so that any login shell hands it to `sh` as it is.
 */
const question = [
  'PATH="$PATH:$HOME/.local/bin:$HOME/bin:/usr/local/bin"',
  'command -v runyard >/dev/null 2>&1 && exec runyard status --json',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the other machine's shell expands it.
  'file="${RUNYARD_HOME:-${XDG_STATE_HOME:-$HOME/.local/state}/runyard}/daemon.json"',
  '[ -f "$file" ] && exec cat "$file"',
  'echo "tried: runyard status (no runyard on PATH), then $file (not there)" >&2',
  'exit 3',
].join('; ');

/** Throws daemon_not_running, host_unreachable, usage. */
export async function openRemote(input: {
  host: string;
  env: Env;
  /** Whether somebody is there to be asked for a password. */
  attended: boolean;
}): Promise<Remote> {
  const { host, env, attended } = input;
  if (host === '' || host.startsWith('-')) {
    throw usage('--host', `must be a host as ssh takes it, not "${host}"`, 'runyard -H me@ws1 ls');
  }
  const ssh = (env.RUNYARD_SSH || 'ssh').split(' ').filter((word) => word !== '');
  const batch = attended ? [] : ['-o', 'BatchMode=yes'];
  const at = await find([...ssh, ...options, ...batch], host);
  const where = `${host}:${at.home}`;
  const dir = privateDirectory(env);
  const socket = path.join(dir, 's');
  const tunnel = keepTunnel([...ssh, ...options, ...batch], host, { socket, to: at.socket });
  const close = (): void => {
    tunnel.close();
    fs.rmSync(dir, { recursive: true, force: true });
  };
  // Also when the command ends by `process.exit`.
  process.once('exit', close);
  try {
    await answering(tunnel, host, at, socket);
  } catch (error) {
    close();
    throw error;
  }
  return { socket, where, close };
}

type Found = {
  socket: string;
  home: string;
  /** Whether that daemon has just answered there; else only its address file was found. */
  answered: boolean;
};

async function find(ssh: readonly string[], host: string): Promise<Found> {
  const [program = '', ...args] = ssh;
  const command = [...args, '--', host, `sh -c '${question}'`];
  const { exitCode, stdout, stderr, code } = await execa(program, command, {
    reject: false,
    timeout: askMs,
    stdin: 'ignore',
  });
  if (code === 'ENOENT') throw unreachable(host, `there is no ${program} on PATH`);
  const said = wordsOf(stderr);
  if (exitCode === 3) throw notRunning(host, said);
  if (exitCode !== 0) throw unreachable(host, said || `ssh ended with ${exitCode ?? 'a signal'}`);
  // A login shell may have printed something before.
  for (const line of stdout.split('\n').reverse()) {
    try {
      const said = JSON.parse(line) as Record<string, string>;
      const { socket, home, status, token_file: token } = said;
      if (!socket) continue;
      const answered = status !== undefined;
      return { socket, home: home ?? path.dirname(token ?? socket), answered };
    } catch {
      // Not that line.
    }
  }
  throw unreachable(host, `it did not say where its daemon listens, but: ${stdout.slice(0, 200)}`);
}

/** The last lines; of an error of `runyard status --json` its message. */
function wordsOf(stderr: string): string {
  const lines = stderr.trim().split('\n').slice(-4);
  try {
    const { error } = JSON.parse(lines.at(-1) ?? '') as { error: { message: string } };
    return error.message;
  } catch {
    return lines.join('\n');
  }
}

type Tunnel = { stderr(): string; ended(): boolean; close(): void };

/** Carries the socket; a connection that is lost is made again until `close`. */
function keepTunnel(
  ssh: readonly string[],
  host: string,
  way: { socket: string; to: string },
): Tunnel {
  const forward = ['-o', 'ExitOnForwardFailure=yes', '-o', 'StreamLocalBindUnlink=yes'];
  let closed = false;
  let ended = false;
  let stderr = '';
  let end: () => void = () => undefined;
  const run = async (extra: readonly string[]): Promise<void> => {
    const command = [...ssh, ...extra, ...forward, '-L', `${way.socket}:${way.to}`];
    // ^C is for us: it may only detach. `cat` reads until we are gone: then the connection ends,
    // even after kill -9.
    const deaf = ['-c', 'trap "" INT; exec "$@"', 'sh'];
    const child = execa('sh', [...deaf, ...command, '--', host, 'cat >/dev/null'], {
      stdin: 'pipe',
      stdout: 'ignore',
      reject: false,
      buffer: false,
    });
    child.stderr.on('data', (data) => {
      stderr = (stderr + data).slice(-4000);
    });
    end = () => child.kill();
    await child;
  };
  const keep = async (): Promise<void> => {
    await run([]);
    ended = true;
    while (!closed) {
      await delay(againMs, undefined, { ref: false });
      // Nobody is to be asked in the middle of something else.
      if (!closed) await run(['-o', 'BatchMode=yes']);
    }
  };
  void keep();
  return {
    stderr: () => stderr.trim(),
    ended: () => ended,
    close() {
      closed = true;
      end();
    },
  };
}

/** Waits until a daemon speaks at the other end. */
async function answering(tunnel: Tunnel, host: string, at: Found, socket: string): Promise<void> {
  const deadline = Date.now() + upMs;
  while (!fs.existsSync(socket)) {
    if (tunnel.ended()) throw unreachable(host, tunnel.stderr() || 'ssh ended');
    if (Date.now() > deadline) throw unreachable(host, `no tunnel within ${upMs / 1000} s`);
    await delay(10);
  }
  if (await greets(socket)) return;
  // sshd says the same of a socket that nobody listens on and of one that it must not carry.
  const forbidden = 'its sshd carries no UNIX sockets (AllowStreamLocalForwarding)';
  if (at.answered) {
    throw unreachable(host, `${forbidden}; run the command there: ssh ${host} runyard …`);
  }
  const why = `tried: ${at.socket}, which its daemon.json names; nobody answers there, or ${forbidden}`;
  throw notRunning(`${host}:${at.home}`, why);
}

/** A server of HTTP/2 speaks first; a socket without a daemon is closed by ssh at once. */
function greets(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(socket);
    const finish = (alive: boolean): void => {
      probe.destroy();
      resolve(alive);
    };
    probe.setTimeout(greetMs, () => finish(false));
    probe.once('data', () => finish(true));
    probe.once('error', () => finish(false));
    probe.once('close', () => finish(false));
  });
}

/** Short, because the path of a socket may have 107 bytes. */
function privateDirectory(env: Env): string {
  const bases = [env.XDG_RUNTIME_DIR, os.tmpdir(), '/tmp'];
  for (const base of bases) {
    if (!base || Buffer.byteLength(base) + '/ry-XXXXXX/s'.length > socketPathMax) continue;
    try {
      return fs.mkdtempSync(path.join(base, 'ry-'));
    } catch {
      // Not there, or not ours.
    }
  }
  throw new RunyardError('home_unusable', `no private directory can be made in ${bases.at(-1)}`);
}

function unreachable(host: string, why: string): RunyardError {
  return new RunyardError('host_unreachable', `${host} cannot be asked: ${why}`);
}

function notRunning(where: string, why: string): RunyardError {
  const [host] = where.split(':');
  return new RunyardError(
    'daemon_not_running',
    `no daemon answers at ${where}; start one: ssh ${host} runyard up`,
    why === '' ? {} : { cause: new Error(why) },
  );
}
