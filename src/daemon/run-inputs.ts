/** What runs were submitted with. Most start at once, so that the newest are kept in memory. */
import fs from 'node:fs';
import path from 'node:path';
import { envOf } from '../actors/index.ts';
import type { TrainRunConfig } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { Home, RunStore } from '../persistence/index.ts';
import { encodeEnv, runDir, runFiles } from '../rundir/index.ts';

export type Submitted = {
  config: TrainRunConfig;
  /** The environment, NUL-separated; null when none was sent. */
  env: Buffer | null;
  /** Where its program was found. */
  program: string;
};

export type Inputs = {
  config: TrainRunConfig;
  submitted: Readonly<Record<string, string | undefined>>;
  /** Where the program was a moment ago; null when that was long ago. */
  program: string | null;
  /** Where the environment was to be, when it is not there any more; else null. */
  gone: string | null;
};

export type RunInputs = {
  remember(runId: string, submitted: Submitted): void;
  /** The environment of one of the newest runs, over or not; null: not kept. */
  recall(runId: string): Buffer | null;
  /** Throws `run_not_found`. */
  of(runId: string): Promise<Inputs & { traceId: string }>;
};

const keptRuns = 64;
/** Larger environments are read again from the run's directory. */
const keptBytes = 256 * 1024;

export function createRunInputs(store: RunStore, home: Home): RunInputs {
  const kept = new Map<string, Inputs>();

  const read = async (runId: string, config: string): Promise<Inputs> => {
    const file = path.join(runDir(home.root, runId), runFiles.env);
    const data = await fs.promises.readFile(file).catch(() => null);
    return {
      config: JSON.parse(config) as TrainRunConfig,
      submitted: envOf(data),
      program: null,
      gone: data === null ? file : null,
    };
  };

  return {
    remember(runId, { config, env, program }) {
      if ((env?.length ?? 0) > keptBytes) return;
      kept.set(runId, { config, submitted: envOf(env), program, gone: null });
      const [oldest] = kept.keys();
      if (kept.size > keptRuns && oldest !== undefined) kept.delete(oldest);
    },
    recall(runId) {
      const inputs = kept.get(runId);
      return inputs === undefined ? null : encodeEnv(inputs.submitted);
    },
    async of(runId) {
      const row = store.run(runId);
      if (row === undefined) throw new RunyardError('run_not_found', `there is no run ${runId}`);
      const inputs = kept.get(runId) ?? (await read(runId, row.config));
      return { ...inputs, traceId: row.trace_id };
    },
  };
}
