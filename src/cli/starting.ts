/** Starts a daemon in the background, and waits until it answers. */
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import type { TrainerClient } from '../client/index.ts';
import type { DaemonStatus } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { Context } from './context.ts';
import { daemonEnvironment } from './environment.ts';
import { duration } from './render.ts';

/** The first start may build nats-server. */
const readyMaxMs = 300_000;
/** How long another start that was first is waited for. */
const otherMaxMs = 60_000;
const pollMs = 10;

export type Started = { status: DaemonStatus; already: boolean; tookMs: number };

/** Idempotent: a daemon that is up, or coming up in another process, is as good. */
export async function startDaemon(
  context: Context,
  flags: readonly string[] = [],
): Promise<Started> {
  const { terminal } = context;
  const startMs = performance.now();
  const running = await healthOf(context);
  if (running !== null) return { status: running, already: true, tookMs: 0 };
  const home = await context.home();
  const logs = path.join(home, 'logs');
  fs.mkdirSync(logs, { recursive: true, mode: 0o700 });
  const file = path.join(logs, 'daemon.out');
  const from = fs.existsSync(file) ? fs.statSync(file).size : 0;
  const daemon = await spawnDaemon(context, file, flags);
  const progress = setInterval(() => {
    terminal.live(
      `starting the daemon … ${duration(performance.now() - startMs)}${last(file, from)}`,
    );
  }, 200);
  try {
    while (performance.now() - startMs < readyMaxMs) {
      const status = await healthOf(context);
      if (status !== null) {
        const already = status.pid !== daemon.pid;
        return { status, already, tookMs: performance.now() - startMs };
      }
      if (daemon.ended()) {
        // It may have lost the race against another start, which may take as long as ours would have.
        const other = await healthOf(context);
        if (other !== null) return { status: other, already: true, tookMs: 0 };
        if (lostRace(file, from) && performance.now() - startMs < otherMaxMs) {
          await delay(pollMs);
          continue;
        }
        throw new RunyardError('internal', 'the daemon ended while starting', {
          cause: new Error(`${tail(file, from)}\n  (all of it: ${file})`),
        });
      }
      await delay(pollMs);
    }
  } finally {
    clearInterval(progress);
    terminal.live(null);
  }
  throw new RunyardError(
    'daemon_unresponsive',
    `the daemon (pid ${daemon.pid}) did not get ready within ${readyMaxMs / 1000} s; see ${file}`,
  );
}

/** The client of a daemon that is there, or is started as the user wishes. Throws daemon_not_running. */
export async function connectOrStart(context: Context): Promise<TrainerClient> {
  const { env, terminal } = context;
  try {
    const client = await context.connect();
    await client.health();
    return client;
  } catch (error) {
    if (!(error instanceof RunyardError) || error.code !== 'daemon_not_running') throw error;
    // A daemon here would be no answer to a question for another machine.
    if (context.host !== null || context.address !== null) throw error;
    const wanted =
      env.RUNYARD_AUTOSTART === '1' || (await terminal.ask('No daemon is running. Start one?'));
    if (!wanted) throw error;
    terminal.note(readyLine(await startDaemon(context)));
    return context.connect();
  }
}

/** `ready 0.4 s · yard ws1 · 2 GPUs · bus 127.0.0.1:4322`. */
export function readyLine({ status, already, tookMs }: Started): string {
  const { gpus_total: gpus, bus_url: bus } = status;
  const parts = [
    already ? `already up (pid ${status.pid})` : `ready ${duration(tookMs)}`,
    `yard ${status.yard}`,
    gpus === 0 ? 'no GPU' : `${gpus} GPU${gpus === 1 ? '' : 's'}`,
    `bus ${bus === '' ? 'starting' : bus.replace(/^nats:\/\//, '')}`,
  ];
  return parts.join(' · ');
}

async function healthOf(context: Context): Promise<DaemonStatus | null> {
  try {
    const client = await context.connect({ deadlineMs: 2000 });
    try {
      return await client.health();
    } finally {
      client.close();
    }
  } catch (error) {
    if (error instanceof RunyardError && error.retryable) return null;
    throw error;
  }
}

async function spawnDaemon(context: Context, file: string, flags: readonly string[]) {
  const [program = '', ...args] = context.command;
  // A stream whose file is open is handed to the child itself: nothing goes through us.
  const out = fs.createWriteStream(file, { flags: 'a', mode: 0o600 });
  await once(out, 'open');
  const child = execa(program, [...args, 'daemon', ...flags], {
    // A session of its own, so that nothing sent to this terminal reaches it.
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    stdin: 'ignore',
    stdout: out,
    stderr: out,
    env: daemonEnvironment(context.env),
    extendEnv: false,
    // Whatever directory the user stands in must not be kept busy.
    cwd: '/',
  });
  out.destroy();
  let ended = false;
  void child.then(() => {
    ended = true;
  });
  child.nodeChildProcess.unref();
  return { pid: child.pid ?? 0, ended: () => ended };
}

/** Whether the daemon ended because another one was first. */
function lostRace(file: string, from: number): boolean {
  return /a daemon (runs already|is starting) for /.test(tail(file, from));
}

/** The daemon's own last word, for the progress line. */
function last(file: string, from: number): string {
  const log = fs.readFileSync(file).subarray(from).subarray(-4000).toString('utf8');
  const text = [...log.matchAll(/"msg":"([^"]*)"/g)].at(-1)?.[1] ?? '';
  return text === '' ? '' : ` · ${text}`;
}

function tail(file: string, from: number): string {
  const text = fs.readFileSync(file).subarray(from).subarray(-4000).toString('utf8').trim();
  // Its last words to people say it best; the log is for when there are none.
  const lines = text.split('\n');
  const words = lines.filter((line) => !line.startsWith('{'));
  return (words.length > 0 ? words : lines).slice(-8).join('\n');
}
