/** What a run asks the queue for, from its row. */
import type { Dependency, Said, Waiting } from '../allocator/index.ts';
import type { TrainRunConfig } from '../contracts/index.ts';
import type { RunRow } from '../persistence/index.ts';

export type Asked = Pick<RunRow, 'run_id' | 'user' | 'project' | 'config' | 'hold'>;

/** `position`: that of its submit, by which it stays where it is over restarts. */
export function requestOf(row: Asked, position: number): Waiting {
  const config = JSON.parse(row.config) as TrainRunConfig;
  const { start_after: startAfter, after = [] } = config;
  return {
    runId: row.run_id,
    user: row.user,
    project: row.project,
    ...(config.group === undefined ? {} : { group: config.group }),
    groupMost: config.at_once ?? 0,
    ...claimOf(config),
    priority: config.priority ?? 0,
    position,
    hold: saidOf(row.hold),
    startAfterMs: startAfter === undefined ? null : Date.parse(startAfter),
    dependencies: after.map(({ run, on = 'ok' }): Dependency => ({ run, on })),
  };
}

export function claimOf(
  config: TrainRunConfig,
): Pick<Waiting, 'gpus' | 'gpuMemoryMib' | 'cpus' | 'memoryMib'> {
  // A cluster's places are not the yard's: what is limited there, is limited there.
  if (config.executor === 'slurm') return { gpus: 0, gpuMemoryMib: null, cpus: 0, memoryMib: 0 };
  const gpus = config.gpus ?? 0;
  return {
    gpus,
    gpuMemoryMib: config.gpu_memory_mib ?? null,
    // GPUs are scarcer than what feeds them: whoever has one does not wait for a CPU slot unless it says so.
    cpus: config.cpus ?? (gpus === 0 ? 1 : 0),
    memoryMib: config.memory_mib ?? 0,
  };
}

function saidOf(hold: string | null): Said | null {
  if (hold === null) return null;
  const { user, reason } = JSON.parse(hold) as { user: string; reason: string };
  return { by: user, reason };
}
