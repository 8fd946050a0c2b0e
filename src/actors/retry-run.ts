/** What a new run takes over of one that is over. */
import fs from 'node:fs/promises';
import path from 'node:path';
import type { InputRef, TrainRunConfig } from '../contracts/index.ts';
import { errnoOf, RunyardError } from '../errors.ts';
import type { RunRow } from '../persistence/index.ts';
import { runDir, runFiles } from '../rundir/index.ts';

export type Predecessor = {
  readonly runId: string;
  /** Its environment; null: it is not there any more. */
  env: Buffer | null;
  /** The uncommitted changes of its code. */
  readonly diff: Buffer | null;
};

/** Fields that were about when that run was to start. */
const onlyOnce = ['hold', 'start_after', 'after'] as const;

/** The configuration of the new run, not yet validated. Throws `run_not_over`. */
export function configOfRetry(row: RunRow, changes: Record<string, unknown>): object {
  if (row.finished_at === null) {
    throw new RunyardError(
      'run_not_over',
      `run ${row.run_id} is ${row.state}, and only a run that is over can be retried; --retries at its submit would do so by itself`,
    );
  }
  const config: Partial<TrainRunConfig> = { ...(JSON.parse(row.config) as TrainRunConfig) };
  for (const field of onlyOnce) delete config[field];
  return { ...config, ...changes, ...placeOfRetry(config, changes) };
}

/** What is asked of Slurm anew goes over what was asked before; a run that comes back from there asks nothing of it. */
function placeOfRetry(
  { slurm }: Partial<TrainRunConfig>,
  changes: Record<string, unknown>,
): Record<string, unknown> {
  if (typeof changes.slurm === 'object')
    return { executor: changes.executor ?? 'slurm', slurm: { ...slurm, ...changes.slurm } };
  return changes.executor === 'local' ? { slurm: undefined } : {};
}

export async function predecessorOf(root: string, runId: string): Promise<Predecessor> {
  const read = (name: string): Promise<Buffer | null> =>
    fs.readFile(path.join(runDir(root, runId), name)).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    });
  const [env, diff] = await Promise.all([read(runFiles.env), read(runFiles.diff)]);
  return { runId, env, diff };
}

/** Environment and uncommitted changes of a new run: its own, else those of the one before. Throws `input_missing`. */
export function uploadsOf(
  read: (ref: Pick<InputRef, 'uri'>) => Promise<Buffer>,
  envRef: InputRef | null,
  config: TrainRunConfig,
  from: Predecessor | null,
): Promise<[env: Buffer | null, diff: Buffer | null]> {
  const diffRef = config.code?.diff_ref;
  const [env, diff] =
    from === null
      ? [null, diffRef === undefined ? null : read({ uri: diffRef })]
      : [envRef === null ? envOf(from) : null, from.diff];
  return Promise.all([envRef === null ? env : read(envRef), diff]);
}

function envOf({ runId, env }: Predecessor): Buffer {
  if (env !== null) return env;
  throw new RunyardError(
    'input_missing',
    `the environment of run ${runId} was deleted at its end, because it may hold secrets: send one: runyard retry ${runId} sends that of its shell`,
  );
}
