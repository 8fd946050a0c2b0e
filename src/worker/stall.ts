/** Tells when a trainer has been silent for too long: no output and no metric. */
import fs from 'node:fs';
import path from 'node:path';

export type StallWatch = {
  /** Something was heard of the trainer. */
  heard(): void;
  /** While paused, no time counts; after it, the count begins anew. */
  pause(paused: boolean): void;
  close(): void;
};

export type StallOptions = {
  /** Null: no limit, and nothing is ever told. */
  limitMs: number | null;
  /** For how long it had been silent when this worker came: a new worker is no sign of life. */
  silentMs: number;
  onStall: (text: string) => void;
};

/** Looks about this many times within the limit. */
const looks = 20;
const lookMaxMs = 1000;

export function createStallWatch(options: StallOptions): StallWatch {
  const { limitMs } = options;
  if (limitMs === null) {
    return { heard: () => undefined, pause: () => undefined, close: () => undefined };
  }
  let since = performance.now() - options.silentMs;
  let paused = false;
  let told = false;
  const timer = setInterval(
    () => {
      if (paused || told || performance.now() - since < limitMs) return;
      told = true;
      options.onStall(`no output and no metric for ${limitMs / 1000} s`);
    },
    Math.min(lookMaxMs, limitMs / looks),
  );
  timer.unref();
  const heard = (): void => {
    since = performance.now();
  };
  return {
    heard,
    pause(now) {
      if (paused && !now) heard();
      paused = now;
    },
    close: () => clearInterval(timer),
  };
}

/** Milliseconds since the recorder wrote anything of the attempt; 0 when it wrote nothing yet. */
export function silentFor(dir: string, nowMs: number): number {
  const times = fs
    .readdirSync(dir)
    .filter((name) => name.startsWith('out.'))
    .map((name) => fs.statSync(path.join(dir, name)).mtimeMs);
  // A clock that was set back must not count as a long silence, nor a future one as a negative.
  return times.length === 0 ? 0 : Math.max(0, nowMs - Math.max(...times));
}
