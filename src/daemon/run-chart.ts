/** The chart of a run with the effects of this daemon: preflight, slots and their locks, launch, release. */
import { codeWarnings, type Hash, preflight, provideRun } from '../actors/index.ts';
import type { Settings, TrainRunConfig } from '../contracts/index.ts';
import type { Executor } from '../executors/index.ts';
import type { AttemptInput } from '../machines/index.ts';
import type { Home, RunStore } from '../persistence/index.ts';
import { attemptDir, neverRan } from '../rundir/index.ts';
import { gpuOfSlot, isElsewhere } from '../slots.ts';
import type { Clock } from '../telemetry/index.ts';
import { attemptSpec } from './attempts.ts';
import { type Breaker, trialOf } from './breaker.ts';
import type { GpuLocks } from './gpu-locks.ts';
import { locksFree } from './gpus.ts';
import { checkpointFor, checkpointText } from './resuming.ts';
import type { RunInputs } from './run-inputs.ts';
import type { Temps } from './temps.ts';

/** A cluster takes its time to end a job, and longer to say so. */
const elsewhereMs = 180_000;
/** Of a run's events that are looked through for one attempt of it. */
const eventsMost = 10_000;

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
  breaker: Breaker;
  /** Whether its place is given out by somebody else. */
  isElsewhere: (runId: string) => boolean;
  /** Whether what a run needs is looked for on this machine. */
  isCheckedHere: (config: TrainRunConfig) => boolean;
  /** Told of slots that another yard was found to hold. */
  usedElsewhere: (slots: readonly string[]) => void;
  synced: () => Promise<void>;
};

export function createRunChart(options: RunChartOptions): ReturnType<typeof provideRun> {
  const { env, settings, home, recorder, clock, executor, store } = options;
  const { runInputs, temps, locks, breaker, synced } = options;
  /** Of this machine. */
  const slotsOf = ({ runId, attempt }: AttemptInput): string[] =>
    store
      .leases()
      .filter((lease) => lease.run_id === runId && lease.attempt === attempt)
      .filter(({ slot }) => !isElsewhere(slot))
      .map(({ slot }) => slot);
  const lockFiles = (input: AttemptInput): string[] => locks.exclusive(slotsOf(input));

  /** Before its GPUs are anybody else's. */
  const tryOut = ({ runId, attempt }: AttemptInput): void => {
    const gpus = slotsOf({ runId, attempt }).map(gpuOfSlot);
    const row = gpus.length === 0 ? undefined : store.run(runId);
    if (row === undefined || settings.gpu_deaths === 0) return;
    const config = JSON.parse(row.config) as TrainRunConfig;
    const events = store.events(runId, 1, store.lastPos(), eventsMost);
    const within = 1000 * settings.gpu_deaths_within_s;
    const trial = trialOf({ runId, attempt, gpus, config }, events, within);
    if (trial !== null) breaker.ended(trial);
  };

  const noteLeases = (): void =>
    locks.note(store.leases().filter(({ slot }) => !isElsewhere(slot)));
  /** Which of these another yard holds; asked one by one only when something was. */
  const heldOf = async (slots: readonly string[]): Promise<readonly string[]> => {
    const held: string[] = [];
    for (const slot of slots)
      if (!(await locksFree(recorder, locks.probes([slot])))) held.push(slot);
    return held.length === 0 ? slots : held;
  };
  // A restart of the machine removes what was noted, and a daemon that was killed may not have got to it.
  noteLeases();

  return provideRun({
    clock,
    executor,
    preflight: async (runId, signal) => {
      const { config, submitted, program, gone } = await runInputs.of(runId);
      if (!options.isCheckedHere(config)) return gone === null ? [] : [goneText(gone)];
      const about = {
        program: program ?? config.command[0] ?? '',
        config,
        searchPath: config.env?.PATH ?? submitted.PATH ?? env.PATH ?? '',
        home: home.root,
        diskFloorBytes: settings.disk_floor_mib * 2 ** 20,
        hash: options.hash,
      };
      const reasons = await preflight(about, signal);
      // A trainer without it would fail of something else, and nobody would see why.
      return gone === null ? reasons : [goneText(gone), ...reasons];
    },
    warnings: async (runId) => codeWarnings((await runInputs.of(runId)).config.code),
    resumes: async (input) => {
      const { config } = await runInputs.of(input.runId);
      const from = checkpointFor(home.artifacts, config, input);
      return from === null ? null : checkpointText(from);
    },
    lease: async ({ runId, attempt }, slots, signal) => {
      if (options.isElsewhere(runId) && executor.allocate !== undefined) {
        const granted = await executor.allocate(runId, attempt, signal);
        return !signal.aborted && store.lease(runId, attempt, granted, clock.iso()) && granted;
      }
      // Yards of other accounts know nothing of our leases: what they hold is seen by its lock alone.
      if (!(await locksFree(recorder, locks.probes(slots)))) {
        options.usedElsewhere(await heldOf(slots));
        return false;
      }
      // It was stopped meanwhile: what it leased now, nobody would give back.
      const leased = !signal.aborted && store.lease(runId, attempt, slots, clock.iso());
      if (leased && slots.length > 0) noteLeases();
      return leased;
    },
    spec: (input) =>
      attemptSpec({
        input,
        store,
        inputs: runInputs,
        settings,
        locks,
        artifacts: home.artifacts,
      }),
    synced,
    leftoversMs: 1000 * settings.kill_patience_s,
    leftoversMsOf: (runId) =>
      options.isElsewhere(runId) ? elsewhereMs : 1000 * settings.kill_patience_s,
    // What never had a process holds nothing, whoever else may have its GPU.
    locksFree: async (input) =>
      options.isElsewhere(input.runId) ||
      neverRan(attemptDir(home.root, input.runId, input.attempt)) ||
      locksFree(recorder, lockFiles(input)),
    release: async ({ runId, attempt, quarantine }) => {
      tryOut({ runId, attempt });
      if (quarantine) store.quarantine(runId, attempt, clock.iso());
      else {
        await temps.release({ runId, attempt });
        const had = slotsOf({ runId, attempt }).length > 0;
        store.releaseLeases(runId, attempt);
        if (had) noteLeases();
      }
    },
  });
}

function goneText(file: string): string {
  return `its environment ${file} was removed`;
}
