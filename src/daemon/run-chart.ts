/** The chart of a run with the effects of this daemon: preflight, slots and their locks, launch, release. */
import { codeWarnings, type Hash, preflight, provideRun } from '../actors/index.ts';
import type { Settings } from '../contracts/index.ts';
import type { Executor } from '../executors/index.ts';
import type { AttemptInput } from '../machines/index.ts';
import type { Home, RunStore } from '../persistence/index.ts';
import { attemptDir, neverRan } from '../rundir/index.ts';
import type { Clock } from '../telemetry/index.ts';
import { attemptSpec } from './attempts.ts';
import type { GpuLocks } from './gpu-locks.ts';
import { locksFree } from './gpus.ts';
import type { RunInputs } from './run-inputs.ts';
import type { Temps } from './temps.ts';

export type RunChartOptions = {
  env: NodeJS.ProcessEnv;
  settings: Settings;
  home: Home;
  /** The recorder's program, which tries locks for us. */
  recorder: string;
  clock: Clock;
  executor: Executor;
  store: RunStore;
  runInputs: RunInputs;
  temps: Temps;
  locks: GpuLocks;
  /** Checksums of data sets. */
  hash: Hash;
  /** Told of slots that another yard was found to hold. */
  usedElsewhere: (slots: readonly string[]) => void;
  synced: () => Promise<void>;
};

export function createRunChart(options: RunChartOptions): ReturnType<typeof provideRun> {
  const { env, settings, home, recorder, clock, executor, store } = options;
  const { runInputs, temps, locks, synced } = options;
  const lockFiles = ({ runId, attempt }: AttemptInput): string[] =>
    locks.exclusive(
      store
        .leases()
        .filter((lease) => lease.run_id === runId && lease.attempt === attempt)
        .map(({ slot }) => slot),
    );

  return provideRun({
    clock,
    executor,
    preflight: async (runId, signal) => {
      const { config, submitted, program } = await runInputs.of(runId);
      const about = {
        program: program ?? config.command[0] ?? '',
        config,
        searchPath: config.env?.PATH ?? submitted.PATH ?? env.PATH ?? '',
        home: home.root,
        diskFloorBytes: settings.disk_floor_mib * 2 ** 20,
        hash: options.hash,
      };
      return preflight(about, signal);
    },
    warnings: async (runId) => codeWarnings((await runInputs.of(runId)).config.code),
    lease: async ({ runId, attempt }, slots, signal) => {
      // Yards of other accounts know nothing of our leases: what they hold is seen by its lock alone.
      if (!(await locksFree(recorder, locks.probes(slots)))) {
        options.usedElsewhere(slots);
        return false;
      }
      // It was stopped meanwhile: what it leased now, nobody would give back.
      return !signal.aborted && store.lease(runId, attempt, slots, clock.iso());
    },
    spec: (input) => attemptSpec({ input, store, inputs: runInputs, settings, locks }),
    synced,
    leftoversMs: 1000 * settings.kill_patience_s,
    // What never had a process holds nothing, whoever else may have its GPU.
    locksFree: async (input) =>
      neverRan(attemptDir(home.root, input.runId, input.attempt)) ||
      locksFree(recorder, lockFiles(input)),
    release: async ({ runId, attempt, quarantine }) => {
      if (quarantine) store.quarantine(runId, attempt, clock.iso());
      else {
        await temps.release({ runId, attempt });
        store.releaseLeases(runId, attempt);
      }
    },
  });
}
