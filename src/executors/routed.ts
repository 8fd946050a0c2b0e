/** Each attempt goes to the executor that its run was placed on. */
import type { Executor } from './executor.ts';

export function createRoutedExecutor(options: {
  local: Executor;
  slurm: Executor;
  /** Whether the run is the cluster's. */
  isElsewhere: (runId: string) => boolean;
}): Executor {
  const { local, slurm, isElsewhere } = options;
  const of = (runId: string): Executor => (isElsewhere(runId) ? slurm : local);
  return {
    async allocate(runId, attempt, signal) {
      const { allocate } = of(runId);
      if (allocate === undefined) throw new RangeError(`run ${runId} has its place in the yard`);
      return allocate(runId, attempt, signal);
    },
    why: (runId, attempt) => of(runId).why?.(runId, attempt) ?? '',
    launch: (spec, signal) => of(spec.runId).launch(spec, signal),
    attach: (runId, attempt) => of(runId).attach(runId, attempt),
    attachLaunched: (runId, attempt) => of(runId).attachLaunched(runId, attempt),
    wish: (runId, attempt, wish) => of(runId).wish(runId, attempt, wish),
    voidUnlaunched: (runId, attempt) => of(runId).voidUnlaunched(runId, attempt),
    exitOf: (runId, attempt) => of(runId).exitOf(runId, attempt),
    swept: (runId, attempt) => of(runId).swept(runId, attempt),
    sweep: (isOver) => local.sweep(isOver) + slurm.sweep(isOver),
    detach: (runId, attempt) => of(runId).detach(runId, attempt),
    idle: () => local.idle(),
    workers: () => local.workers(),
    async close() {
      await Promise.all([local.close(), slurm.close()]);
    },
  };
}
