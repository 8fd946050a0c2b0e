/** What an attempt is launched with, gathered from the registry, the run's directory and the settings. */
import fs from 'node:fs';
import path from 'node:path';
import { envOf, envUnset, trainerEnv } from '../actors/index.ts';
import type { Settings, TrainRunConfig } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { AttemptSpec } from '../executors/index.ts';
import type { AttemptInput } from '../machines/index.ts';
import type { createRunStore, Home } from '../persistence/index.ts';
import { runDir, runFiles } from '../rundir/index.ts';

export async function attemptSpec(from: {
  input: AttemptInput;
  store: ReturnType<typeof createRunStore>;
  home: Home;
  settings: Settings;
}): Promise<AttemptSpec> {
  const { input, store, home, settings } = from;
  const { runId, attempt } = input;
  const { config, submitted, traceId } = await runInputs(store, home, runId);
  const slots = store
    .leases()
    .filter((lease) => lease.run_id === runId)
    .map((lease) => lease.slot);
  fs.mkdirSync(home.gpuLocks, { recursive: true, mode: 0o700 });
  return {
    runId,
    attempt,
    argv: config.command,
    cwd: config.cwd ?? '/',
    umask: config.umask === undefined ? 0o022 : Number.parseInt(config.umask, 8),
    env: trainerEnv({
      submitted,
      configured: config.env ?? {},
      slots,
      parallel: settings.parallel,
      traceId,
      runId,
      attempt,
    }),
    envUnset,
    isolate: config.isolate ?? false,
    artifacts: config.artifacts ?? [],
    outputLimitBytes: (config.output_limit_mib ?? settings.output_limit_mib) * 2 ** 20,
    stallMs: config.stall_limit_s === undefined ? null : 1000 * config.stall_limit_s,
    killPatienceMs: 1000 * settings.kill_patience_s,
    gpuLocks: slots.map((slot) => path.join(home.gpuLocks, `${slot}.lock`)),
  };
}

/** Throws `run_not_found`. */
export async function runInputs(
  store: ReturnType<typeof createRunStore>,
  home: Home,
  runId: string,
) {
  const row = store.run(runId);
  if (row === undefined) throw new RunyardError('run_not_found', `there is no run ${runId}`);
  const file = path.join(runDir(home.root, runId), runFiles.env);
  const data = await fs.promises.readFile(file).catch(() => null);
  return {
    config: JSON.parse(row.config) as TrainRunConfig,
    submitted: envOf(data),
    traceId: row.trace_id,
  };
}
