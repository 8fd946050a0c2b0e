/** Ends what no run is to have any more, and gives GPUs back once their unkillable holders are gone. */
import path from 'node:path';
import type { Executor } from '../executors/index.ts';
import type { RunStore } from '../persistence/index.ts';
import { type Clock, every, type Logger } from '../telemetry/index.ts';

export type TidyingOptions = {
  executor: Executor;
  store: RunStore;
  /** The attempt of a run that is to live, or null. */
  attemptOf: (runId: string) => number | null;
  /** Gives slots back to everybody. */
  readmit: (slots: readonly string[]) => void;
  locksFree: (files: readonly string[]) => Promise<boolean>;
  gpuLocks: string;
  clock: Clock;
  log: Logger;
};

/** How often the holders of quarantined slots are looked at, and orphans searched for. */
const quarantinedMs = 10_000;
const orphansMs = 600_000;

export type Tidying = { start(): void; close(): void };

export function createTidying(options: TidyingOptions): Tidying {
  const { executor, store, log } = options;
  const stops: (() => void)[] = [];

  const endOrphans = (): void => {
    const ended = executor.sweep((runId, attempt) => options.attemptOf(runId) === attempt);
    if (ended > 0) log.warn({ ended }, 'processes of runs that are over were ended');
  };
  const readmitQuarantined = async (): Promise<void> => {
    for (const { slot, run_id: runId, attempt } of store.quarantined()) {
      const files = [path.join(options.gpuLocks, `${slot}.lock`)];
      if (!executor.swept(runId, attempt) || !(await options.locksFree(files))) continue;
      store.releaseLease(slot);
      options.readmit([slot]);
      log.warn({ runId, slot }, 'what held a GPU is gone at last: it is given out again');
    }
  };
  const guarded = (act: () => void | Promise<void>) => async (): Promise<void> => {
    try {
      await act();
    } catch (error) {
      log.error({ err: error }, 'tidying failed');
    }
  };

  return {
    start() {
      for (const [act, everyMs] of [
        [guarded(endOrphans), orphansMs],
        [guarded(readmitQuarantined), quarantinedMs],
      ] as const) {
        void act();
        stops.push(every(options.clock, everyMs, () => void act()));
      }
    },
    close() {
      for (const stop of stops) stop();
    },
  };
}
