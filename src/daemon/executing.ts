/** Where attempts are executed, on this machine and as jobs of Slurm, and what becomes of what is said of them. */
import type { Supervisor } from '../actors/index.ts';
import type { Settings } from '../contracts/index.ts';
import {
  createLocalExecutor,
  createRoutedExecutor,
  type Executor,
  type ExecutorEvents,
  type LocalExecutorOptions,
} from '../executors/index.ts';
import { type Home, type RunStore, socketPath } from '../persistence/index.ts';
import { bootId } from '../rundir/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';
import { attemptSpec } from './attempts.ts';
import type { Beats } from './beats.ts';
import type { BusLink } from './bus-link.ts';
import type { GpuLocks } from './gpu-locks.ts';
import type { Minting } from './minting/index.ts';
import type { RunInputs } from './run-inputs.ts';
import { createSlurmParts, type SlurmParts } from './slurm/index.ts';

export type ExecutingOptions = {
  settings: Settings;
  env: NodeJS.ProcessEnv;
  /** The command that runs `runyard`. */
  command: readonly string[];
  recorder: string;
  home: Home;
  store: RunStore;
  runInputs: RunInputs;
  bus: BusLink;
  minting: Minting;
  /** How workers of this machine reach the bus. */
  workers: LocalExecutorOptions['bus'];
  /** Made later than this. */
  supervisor: () => Supervisor;
  beats: () => Beats;
  locks: GpuLocks;
  isOver: (runId: string, attempt: number) => boolean;
  synced: () => Promise<void>;
  clock: Clock;
  log: Logger;
};

export function createExecuting(options: ExecutingOptions): {
  executor: Executor;
  slurm: SlurmParts;
} {
  const { settings, env, command, home, store, runInputs, bus, clock, log } = options;
  /** Of an attempt that is the run's present one. */
  const tell = (runId: string, attempt: number, event: Parameters<Supervisor['send']>[1]): void => {
    const supervisor = options.supervisor();
    if (supervisor.attemptOf(runId) === attempt) supervisor.send(runId, event);
  };
  const events: ExecutorEvents = {
    onFact(fact) {
      const supervisor = options.supervisor();
      const applied = supervisor.applyFact(fact);
      if (applied && supervisor.stateOf(fact.run_id) === 'running.live')
        options.beats().expect(fact.run_id);
      return applied;
    },
    onBeat(beat) {
      options.beats().heard(beat);
      bus.heard(beat.runId, beat.busTrouble);
    },
    generation: (runId, attempt) => store.attempt(runId, attempt)?.generation ?? 0,
    nextGeneration: (runId, attempt) => store.nextGeneration(runId, attempt, bootId()),
    onGone: (runId, attempt, gone) => tell(runId, attempt, { type: 'allocation.ended', ...gone }),
    onExpiring: (runId, attempt, text) =>
      tell(runId, attempt, { type: 'allocation.expiring', text, now: clock.now() }),
    isOver: options.isOver,
  };
  const slurm = createSlurmParts({
    settings,
    env,
    command,
    home,
    bus: { external: bus.external, fileOf: options.minting.fileOf },
    store,
    runInputs,
    spec: (input) =>
      attemptSpec({
        input,
        store,
        inputs: runInputs,
        settings,
        locks: options.locks,
        artifacts: home.artifacts,
      }),
    events,
    log,
  });
  const local = createLocalExecutor(
    {
      home,
      yard: settings.yard,
      command,
      recorder: options.recorder,
      bus: options.workers,
      warm: settings.warm_workers,
      cgroup: settings.cgroup,
      most: Math.max(settings.warm_workers, settings.parallel),
      synced: options.synced,
      socketPath,
      log,
    },
    events,
  );
  const { executor: jobs, isElsewhere } = slurm;
  return { executor: createRoutedExecutor({ local, slurm: jobs, isElsewhere }), slurm };
}
