/** `runyard holder`: what a hold runs as; started by the daemon, not by people. */
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { exitCodes } from '../exit-codes.ts';
import { openPipe, overGraceMs, removeLine, saidDone, writeHeldEnv } from '../hold-line.ts';

/** Waits for the end of the line, or of its time; the exit code is that of who used the slots. */
export async function holder(
  dir: string,
  flags: { seconds?: string; alone?: boolean },
): Promise<number> {
  const forMs = flags.seconds === undefined ? null : 1000 * Number(flags.seconds);
  const ended = new AbortController();
  try {
    writeHeldEnv(dir, process.env);
    process.stdout.write('held\n');
    if (flags.alone === true) return await untilOver(forMs ?? 0, ended.signal);
    const ends = [lineEnds(dir), ...(forMs === null ? [] : [over(forMs, ended.signal)])];
    return await Promise.race(ends);
  } finally {
    // The other one would keep us.
    ended.abort();
    removeLine(dir);
  }
}

function lineEnds(dir: string): Promise<number> {
  const pipe = new net.Socket({ fd: openPipe(dir), readable: true, writable: false });
  // A stop is for who uses the slots; whoever does not hear it is ended with us when the grace is over.
  process.on('SIGTERM', () => undefined);
  let text = '';
  return new Promise((resolve, reject) => {
    const end = (code: number): void => {
      pipe.destroy();
      resolve(code);
    };
    pipe.on('data', (data) => {
      text += data.toString();
      const code = saidDone(text);
      if (code !== null) end(code);
    });
    pipe.on('error', reject);
    pipe.on('end', () => end(exitCodes.ok));
  });
}

/** Who has not ended a while after that is ended like any other rest of a run. */
async function over(forMs: number, signal: AbortSignal): Promise<number> {
  await untilOver(forMs + overGraceMs, signal);
  if (!signal.aborted) process.stdout.write('the time is over\n');
  return exitCodes.ok;
}

/** Timers hold 2^31 ms at most, and a hold may be longer. */
async function untilOver(forMs: number, signal: AbortSignal): Promise<number> {
  const endMs = performance.now() + forMs;
  for (let left = forMs; left > 0 && !signal.aborted; left = endMs - performance.now())
    await delay(Math.min(left, 3_600_000), undefined, { signal }).catch(() => undefined);
  return exitCodes.ok;
}
