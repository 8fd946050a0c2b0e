/** `runyard hold --gpus 1 -- CMD`: slots for work at a terminal. */
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import type { TrainerClient } from '../../client/index.ts';
import { finalStatuses, type RunSummary } from '../../contracts/index.ts';
import { messageOf } from '../../errors.ts';
import { findProgram } from '../code-identity.ts';
import { compose, type SubmitFlags } from '../compose.ts';
import { type Context, usage } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Line, makeLine, readHeldEnv, removeLine, sayDone } from '../hold-line.ts';
import { clockText, glyphOf } from '../render.ts';
import { parseSeconds } from '../spans.ts';
import { connectOrStart } from '../starting.ts';

export type LeaseFlags = SubmitFlags & { for?: string; detach?: boolean; message?: string };

/** How long before the end it is told. */
const warnMs = 300_000;
/** What tells a program what is its own; the rest of a holder's environment is the shell's. */
const heldNames = /^(CUDA_|HIP_|ROCR_|RUNYARD_|TRACEPARENT$|OMP_NUM_THREADS$|MKL_NUM_THREADS$)/;

/** The exit code of the command, or of the shell that stands for none. */
export async function lease(
  context: Context,
  words: readonly string[],
  flags: LeaseFlags,
): Promise<number> {
  const { env: shell, host, address, terminal, cwd } = context;
  if (host !== null || address !== null) {
    const way = `ssh -t ${host ?? 'HOST'} runyard hold …`;
    throw usage('hold', 'needs a terminal on the machine of the GPUs', way);
  }
  const seconds = flags.for === undefined ? null : parseSeconds(flags.for, '--for');
  const alone = flags.detach === true;
  if (alone && seconds === null) throw usage('--detach', 'goes with --for', '--detach --for 2h');
  if (alone && words.length > 0)
    throw usage('--detach', 'goes without a command', 'or: runyard submit --gpus 1 -- CMD');
  const command = words.length > 0 ? words : alone ? [] : [shell.SHELL ?? '/bin/sh'];
  if (words.length === 0 && !alone && !(terminal.tty && process.stdin.isTTY)) {
    throw usage('command', 'is missing', 'say what to run after --, or --detach --for 2h');
  }
  const [program = ''] = command;
  if (program !== '' && findProgram(program, cwd, shell.PATH ?? '') === null)
    throw usage('command', `"${program}" is not a program on your PATH`);

  const client = await connectOrStart(context);
  const line = await makeLine();
  try {
    const run = await submitHolder(context, client, line.dir, { command, seconds, flags });
    if (alone) return await told(context, client, run, line.dir);
    return await used(context, client, { run, line, command, seconds, passes: words.length > 0 });
  } finally {
    line.end.destroy();
    // The holder of a detached one needs its directory no longer either.
    removeLine(line.dir);
  }
}

async function submitHolder(
  { command: ours, cwd, env: shell }: Context,
  client: TrainerClient,
  dir: string,
  about: { command: readonly string[]; seconds: number | null; flags: LeaseFlags },
): Promise<string> {
  const { command, seconds, flags } = about;
  const time = seconds === null ? [] : ['--seconds', String(seconds)];
  const alone = flags.detach === true ? ['--alone'] : [];
  const called = path.basename(command[0] ?? '').replaceAll(/[^\w.-]/g, '-');
  const { config, env } = await compose({
    flags: {
      ...flags,
      hold: false,
      name: flags.name ?? (called === '' ? 'hold' : `hold-${called}`.slice(0, 60)),
      note: flags.note ?? flags.message ?? command.join(' ').slice(0, 500),
    },
    words: [...ours, 'holder', ...time, ...alone, dir],
    shell,
    cwd,
    umask: process.umask(),
  });
  return (await client.submit(config, { env })).run_id;
}

/** `env` is null when the run ended before it had any slots. */
type Held = { run: RunSummary; env: Record<string, string> | null };

/** Waits for the slots; says meanwhile why. */
async function untilHeld(
  { terminal }: Context,
  client: TrainerClient,
  runId: string,
  dir: string,
  signal: AbortSignal,
): Promise<Held> {
  const startMs = performance.now();
  const show = (run: RunSummary): void =>
    terminal.live(
      `${glyphOf(run.status)} ${clockText(performance.now() - startMs)} (^C gives up) ${run.why || run.status}`,
    );
  const pulse = setInterval(() => void client.get(runId).then(show, () => undefined), 1000);
  try {
    for await (const { to } of client.events(runId, { signal })) {
      if (/^(queued|allocating|running\.starting)/.test(to)) continue;
      const env = await heldEnv(client, runId, dir);
      return { run: await client.get(runId), env };
    }
  } finally {
    clearInterval(pulse);
    terminal.live(null);
  }
  return { run: await client.get(runId), env: null };
}

/** What is said of a hold that never came to be. */
function notHeld({ terminal }: Context, { status, why, run_id }: RunSummary): number {
  terminal.note(`runyard: run ${run_id} is ${status}${why && `: ${why}`}`);
  return status === 'rejected' ? exitCodes.rejected : exitCodes.ours;
}

/** What the holder wrote down; null when it has ended. */
async function heldEnv(client: TrainerClient, runId: string, dir: string) {
  for (;;) {
    const env = readHeldEnv(dir);
    if (env !== null) {
      return Object.fromEntries(Object.entries(env).filter(([name]) => heldNames.test(name)));
    }
    if (finalStatuses.includes((await client.get(runId)).status)) return null;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs the command on them in the foreground, and gives them back when it has ended. */
async function used(
  context: Context,
  client: TrainerClient,
  about: {
    run: string;
    line: Line;
    command: readonly string[];
    seconds: number | null;
    /** Whether how it ends is how the run ends: a shell's last command says nothing about that. */
    passes: boolean;
  },
): Promise<number> {
  const { run: runId, line, command, seconds, passes } = about;
  const { terminal, cwd, env: shell } = context;
  const leaving = new AbortController();
  const giveUp = (): void => leaving.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, giveUp);
  const held = await untilHeld(context, client, runId, line.dir, leaving.signal);
  if (leaving.signal.aborted) await client.stop(runId, { reason: 'given up', now: true });
  if (held.env === null || leaving.signal.aborted) return notHeld(context, held.run);
  terminal.note(heldLine(held, seconds));
  process.off('SIGTERM', giveUp);
  // From now on ^C is for the program: both of us get it, and we go on.
  const child = execa(command[0] ?? '', command.slice(1), {
    cwd,
    env: { ...shell, ...held.env },
    extendEnv: false,
    stdio: ['inherit', 'inherit', 'inherit', line.end],
    reject: false,
    buffer: false,
  });
  const end = (why: string): void => {
    terminal.note(`runyard: ${why}: ending ${command[0]}`);
    // For a shell and what it started as if its terminal was gone; the daemon ends what is left.
    child.kill('SIGHUP');
    child.kill('SIGTERM');
  };
  const timers =
    seconds === null ? [] : untilOver(terminal, seconds, () => end('the time is over'));
  const watching = new AbortController();
  void (async () => {
    for await (const { to } of client.events(runId, { signal: watching.signal })) {
      if (!/^(stopping|done)/.test(to)) continue;
      const { stop_user: by, stop_reason: why } = await client.get(runId);
      return end(by === '' ? 'the hold has ended' : `stopped by ${by}${why && `: ${why}`}`);
    }
  })().catch(() => undefined);
  // Not its promise: that waits for the line too, which stays open.
  child.catch(() => undefined);
  const [code, signal] = await once(child.nodeChildProcess, 'exit');
  const exitCode = code ?? 128 + (os.constants.signals[signal as NodeJS.Signals] ?? 0);
  watching.abort();
  for (const timer of timers) clearTimeout(timer);
  sayDone(line, passes ? exitCode : exitCodes.ok);
  await client.wait(runId).catch((error) => terminal.note(`runyard: ${messageOf(error)}`));
  terminal.note(`given back: ${slotsText(held.run)}`);
  return exitCode;
}

/** A warning some minutes before, and the end itself. */
function untilOver(
  terminal: Context['terminal'],
  seconds: number,
  end: () => void,
): NodeJS.Timeout[] {
  // A timer holds 24 days; the holder keeps the time too, and what is longer is left to it.
  const ms = Math.min(1000 * seconds, 2 ** 31 - 1);
  const warning = (): void => terminal.note(`runyard: ${clockText(warnMs)} left of this hold`);
  return [setTimeout(end, ms), ...(ms > 2 * warnMs ? [setTimeout(warning, ms - warnMs)] : [])];
}

/** Says how the slots are used from elsewhere; without a terminal as lines for a shell. */
async function told(
  context: Context,
  client: TrainerClient,
  runId: string,
  dir: string,
): Promise<number> {
  const { terminal, json } = context;
  const { run, env } = await untilHeld(context, client, runId, dir, new AbortController().signal);
  if (env === null) return notHeld(context, run);
  // Our marker would have the daemon end the user's own programs with the hold.
  const names = Object.keys(env).filter((name) => /^(CUDA_|HIP_|ROCR_|RUNYARD_RUN_ID$)/.test(name));
  const lines = names.map((name) => `export ${name}=${env[name]}`);
  if (json)
    terminal.json({ ...run, env: Object.fromEntries(names.map((name) => [name, env[name]])) });
  else if (!terminal.tty) for (const text of lines) terminal.print(text);
  else {
    terminal.print(`${runId} ${slotsText(run)}   give it back: runyard stop ${runId.slice(0, 4)}`);
    for (const text of lines) terminal.print(`  ${text}`);
  }
  return exitCodes.ok;
}

function heldLine({ run }: Held, seconds: number | null): string {
  const until =
    seconds === null
      ? ''
      : ` until ${new Date(Date.now() + 1000 * seconds).toLocaleTimeString(undefined, { timeStyle: 'short', hour12: false })}`;
  return `${slotsText(run)}${until}, run ${run.run_id}; given back when this ends`;
}

function slotsText({ gpu_slots: slots }: RunSummary): string {
  return slots.length === 0 ? 'a CPU slot' : `GPU ${slots.join(', ')}`;
}
