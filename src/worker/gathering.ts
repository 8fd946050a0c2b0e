/** Takes artifacts while the trainer runs: files that it has finished, soon after it has. */
import { openAttemptStore } from '../artifacts/index.ts';
import { heldToWrite, processesOf } from '../processes/index.ts';
import { type Identity, readLaunch } from '../rundir/index.ts';
import type { Clock } from '../telemetry/index.ts';
import { type Taken, takenOf } from './artifacts.ts';
import type { WorkerConfig } from './config.ts';
import { endOf, preparedAtMs, readSpec } from './spec.ts';

export type Gathering = {
  /** Resolves when nothing is being taken any more. */
  stop(): Promise<void>;
};

/** How long a file has to be left alone, and how often it is looked. */
const settleMs = 2000;
/** Looking takes at most this share of the time, however many files there are. */
const shareMost = 0.05;

export function createGathering(options: {
  config: WorkerConfig;
  trainer: Identity;
  clock: Clock;
  /** Told of the store whenever something came into it. */
  taken: (taken: Taken) => void;
}): Gathering {
  const { config, trainer, clock } = options;
  const { dir } = config;
  const { cwd, artifacts, disk_floor_bytes: floorBytes = 0 } = readSpec(dir);
  if (artifacts.length === 0) return { stop: async () => undefined };
  const store = openAttemptStore({
    cwd,
    globs: artifacts,
    sinceMs: Math.floor(preparedAtMs(dir)) - 1,
    store: config.store,
    floorBytes,
    settleMs,
    now: clock.iso,
    monotonicMs: () => clock.now().mono_ms,
    held() {
      const cgroup = readLaunch(dir)?.cgroup ?? null;
      return heldToWrite(processesOf({ trainer, marker: dir, cgroup, endedMs: () => endOf(dir) }));
    },
  });
  store.prepare();
  let over = false;
  let scanning: Promise<void> = Promise.resolve();
  let callOff: () => void = () => undefined;

  const scan = async (): Promise<void> => {
    const began = clock.now().mono_ms;
    try {
      if (await store.scan({ final: false }))
        options.taken(takenOf(config.store, store.manifest()));
    } catch {
      // The disk is full, or something is being removed: at the end it is told what is missing.
    }
    const took = clock.now().mono_ms - began;
    if (!over) wait(Math.max(settleMs, took / shareMost));
  };
  const wait = (ms: number): void => {
    callOff = clock.after(ms, () => {
      scanning = scan();
    });
  };
  // What another worker took before is known; what it saw is not.
  scanning = scan();
  return {
    stop() {
      over = true;
      callOff();
      return scanning;
    },
  };
}
