/** Tells when a trainer has been silent for too long: no output and no metric. */
import fs from 'node:fs';
import path from 'node:path';
import { attemptFiles } from '../rundir/index.ts';
import { type Clock, every } from '../telemetry/index.ts';

export type StallWatch = {
  /** Something was heard of the trainer. */
  heard(): void;
  /** While paused, no time counts; after it, the count begins anew. */
  pause(paused: boolean): void;
  close(): void;
};

export type StallOptions = {
  clock: Clock;
  /** Null: no limit, and nothing is ever told. */
  limitMs: number | null;
  /**
   * For how long the recorder's files say that it has been silent; null when they say nothing. They
   * are asked when this worker begins, because a new one is no sign of life, and before anything is
   * told: while the bus is away nothing is read, and that is not the trainer's silence.
   */
  silentMs: () => number | null;
  onStall: (text: string) => void;
};

/** Looks about this many times within the limit. */
const looks = 20;
const lookMaxMs = 1000;

export function createStallWatch(options: StallOptions): StallWatch {
  const { clock, limitMs } = options;
  if (limitMs === null) {
    return { heard: () => undefined, pause: () => undefined, close: () => undefined };
  }
  let since = clock.now().mono_ms - (options.silentMs() ?? 0);
  let paused = false;
  let told = false;
  const stop = every(clock, Math.min(lookMaxMs, limitMs / looks), () => {
    if (paused || told || clock.now().mono_ms - since < limitMs) return;
    const silentMs = lookOr(0, () => options.silentMs() ?? limitMs);
    if (silentMs < limitMs) {
      since = clock.now().mono_ms - silentMs;
      return;
    }
    told = true;
    options.onStall(`no output and no metric for ${limitMs / 1000} s`);
  });
  const heard = (): void => {
    since = clock.now().mono_ms;
  };
  return {
    heard,
    pause(now) {
      if (paused && !now) heard();
      paused = now;
    },
    close: stop,
  };
}

/** A directory that cannot be read says nothing; others find out that it is lost. */
function lookOr(otherwise: number, look: () => number): number {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

/** With less space the recorder may find none: then nobody can say whether the trainer is silent. */
const fullBytes = 1 << 20;

/**
 * Milliseconds since the recorder wrote anything of the attempt; null when it wrote nothing yet, 0 when
 * it may not be able to. The bus has no say in it: while it is away, output comes all the same.
 */
export function silentFor(dir: string, nowMs: number): number | null {
  const { bavail, bsize } = fs.statfsSync(dir);
  if (bavail * bsize < fullBytes) return 0;
  const times = fs
    .readdirSync(dir)
    .filter((name) => name.startsWith('out.') || name === attemptFiles.metrics)
    .map((name) => fs.statSync(path.join(dir, name)).mtimeMs);
  // A clock that was set back must not count as a long silence, nor a future one as a negative.
  return times.length === 0 ? null : Math.max(0, nowMs - Math.max(...times));
}
