/** What all parts of a simulated world share. */
import { isAlive, type Records } from '../../src/rundir/index.ts';
import type { Directories } from './directories.ts';
import type { Faults } from './faults.ts';
import type { Journal } from './journal.ts';
import type { Machine } from './kernel.ts';
import type { RunPlan } from './plan.ts';
import type { Random } from './random.ts';
import type { Life, Schedule } from './schedule.ts';
import type { Trace } from './trace.ts';

export type Stage = {
  readonly random: Random;
  readonly schedule: Schedule;
  readonly trace: Trace;
  readonly machine: Machine;
  readonly dirs: Directories;
  readonly faults: Faults;
  readonly journal: Journal;
  /** By the id in the run's command. */
  readonly plans: Map<string, RunPlan>;
  /** By run: what somebody does when its trainer has ended. */
  readonly trainerEnded: Map<string, () => void>;
  /** By plan: the run that it has become, once that was answered. */
  readonly runOf: Map<string, string>;
  /** By run: its trainer comes to its end sooner than planned. */
  readonly endTrainer: Map<string, () => void>;
  /** An invariant does not hold: the world ends after this step. */
  violate(invariant: string, text: string): void;
};

/** Resolves after so many milliseconds, if that life goes on. */
export function passed(stage: Stage, life: Life, ms: number): Promise<void> {
  return new Promise((resolve) => stage.schedule.after(ms, life, () => resolve()));
}

/** What the files of attempts say; of those that this one finds. */
export function recordsOf(
  { dirs, machine }: Stage,
  find: Directories['find'] = dirs.find,
): Records {
  return {
    readClaim: (dir) => find(dir)?.claim ?? null,
    readExit: (dir) => find(dir)?.exit ?? null,
    readStart: (dir) => find(dir)?.start ?? null,
    isAlive: (identity) => isAlive(identity, machine),
    bootId: machine.bootId,
  };
}

/** `runId` and attempt of an attempt's directory. */
export function attemptAt(dir: string): { runId: string; attempt: number } {
  const [runId = '', , attempt = ''] = dir.split('/').slice(-3);
  return { runId, attempt: Number(attempt) };
}

/** The plan of the run whose attempt this is, as long as its directory is there. */
export function planAt({ dirs, plans }: Stage, dir: string): RunPlan | undefined {
  return plans.get(dirs.find(dir)?.launch?.argv[1] ?? '');
}
