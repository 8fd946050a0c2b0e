/** What an attempt is launched with, gathered from the registry, the run's directory and the settings. */
import { envUnset, trainerEnv, withHelper } from '../actors/index.ts';
import { captureEnv, capturePlan, type Settings } from '../contracts/index.ts';
import type { AttemptSpec } from '../executors/index.ts';
import type { AttemptInput } from '../machines/index.ts';
import type { createRunStore } from '../persistence/index.ts';
import type { GpuLocks } from './gpu-locks.ts';
import { argvFor, checkpointFor } from './resuming.ts';
import type { RunInputs } from './run-inputs.ts';

export async function attemptSpec(from: {
  input: AttemptInput;
  store: ReturnType<typeof createRunStore>;
  inputs: RunInputs;
  settings: Settings;
  locks: GpuLocks;
  /** The store of artifacts. */
  artifacts: string;
}): Promise<AttemptSpec> {
  const { input, store, inputs, settings, locks, artifacts } = from;
  const { runId, attempt } = input;
  const { config, submitted, traceId } = await inputs.of(runId);
  const slots = store
    .leases()
    .filter((lease) => lease.run_id === runId)
    .map((lease) => lease.slot);
  return {
    runId,
    attempt,
    argv: argvFor(config, checkpointFor(artifacts, config, input)),
    cwd: config.cwd ?? '/',
    umask: config.umask === undefined ? 0o022 : Number.parseInt(config.umask, 8),
    env: trainerEnv({
      submitted,
      configured: withHelper(captureEnv(config, submitted), submitted),
      slots,
      parallel: settings.parallel,
      cpus: config.cpus,
      traceId,
      runId,
      attempt,
    }),
    envUnset,
    isolate: config.isolate ?? false,
    // Who names a place for the run itself has a reason to want just that one.
    ...(config.env?.TMPDIR === undefined ? { tempBase: submitted.TMPDIR || '/tmp' } : {}),
    ...capturePlan(config),
    artifactsMove: config.artifacts_move ?? false,
    diskFloorBytes: settings.disk_floor_mib * 2 ** 20,
    outputLimitBytes: (config.output_limit_mib ?? settings.output_limit_mib) * 2 ** 20,
    stallMs: config.stall_limit_s === undefined ? null : 1000 * config.stall_limit_s,
    stopWhen: [config.stop_when ?? []].flat(),
    killPatienceMs: 1000 * settings.kill_patience_s,
    gpuLocks: locks.exclusive(slots),
    gpuLocksShared: locks.shared(slots),
  };
}
