/** Ends what no run is to have any more, and gives GPUs back once their unkillable holders are gone. */
import path from 'node:path';
import type { Executor } from '../executors/index.ts';
import type { RunStore } from '../persistence/index.ts';
import { isElsewhere } from '../slots.ts';
import { type Clock, every, type Logger } from '../telemetry/index.ts';

export type TidyingOptions = {
  executor: Executor;
  store: RunStore;
  /** Whether an attempt is over: surely, because its run is known. */
  isOver: (runId: string, attempt: number) => boolean;
  /** Told how many processes of runs that are over were ended. */
  ended: (processes: number) => void;
  /** Gives slots back to everybody. */
  readmit: (slots: readonly string[]) => void;
  /** Removes temporary directories of attempts that are over. */
  pruneTemps?: () => Promise<unknown>;
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
    options.ended(executor.sweep(options.isOver));
  };
  const readmitQuarantined = async (): Promise<void> => {
    for (const { slot, run_id: runId, attempt } of store.quarantined()) {
      const files = [path.join(options.gpuLocks, `${slot}.lock`)];
      const known = store.run(runId) !== undefined;
      // Its slots were set aside, and the end of its run was not committed yet: they are still its own.
      if (known && !options.isOver(runId, attempt)) continue;
      // Of a run that is not known nothing is ended: only the lock is asked.
      const gone = !known || (await executor.swept(runId, attempt));
      // A place of a cluster's has no lock here.
      if (!gone || !(isElsewhere(slot) || (await options.locksFree(files)))) continue;
      store.releaseLease(slot);
      options.readmit([slot]);
      // What did not die may have used its temporary directory until now.
      await options.pruneTemps?.();
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
      // The start itself prunes and counts them.
      const prune = guarded(async () => void (await options.pruneTemps?.()));
      stops.push(every(options.clock, orphansMs, () => void prune()));
    },
    close() {
      for (const stop of stops) stop();
    },
  };
}

/**
 * Leases that belong to no attempt that goes on: set aside, and given back as soon as nothing holds the
 * GPU any more. Left as they are, they would be refused to everybody for ever. Returns how many.
 */
export function mendLeases(store: RunStore, at: string): number {
  const stale = store.leases().filter(({ run_id: runId, attempt, quarantined_at: aside }) => {
    const row = store.run(runId);
    const over = row === undefined || row.finished_at !== null || row.attempt !== attempt;
    return over && aside === null;
  });
  for (const { run_id: runId, attempt } of stale) store.quarantine(runId, attempt, at);
  return stale.length;
}
