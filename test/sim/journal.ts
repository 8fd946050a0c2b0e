/** What really happened to each attempt, as nobody in the simulated world can know it. */
import type { ExitRecord } from '../../src/rundir/index.ts';
import { attemptAt } from './stage.ts';

export type Truth = {
  readonly runId: string;
  readonly attempt: number;
  forks: number;
  startedAt: number;
  /** How its trainer really ended. */
  end: Pick<ExitRecord, 'kind' | 'code' | 'signal' | 'core'> | null;
  /** By itself, by a signal of ours or of the kernel's, or by somebody else's (a fault). */
  endedBy: 'itself' | 'signal' | 'somebody' | null;
  /** What the recorder wrote down, if it lived to do so. */
  recorded: ExitRecord | null;
  recorderKilled: boolean;
  rebooted: boolean;
  directoryLost: boolean;
  /** The kernel refused a lock: somebody else held a slot of this attempt. */
  lockRefused: boolean;
  /** When it last said something. */
  talkedAt: number;
  /** A process of it survived SIGKILL for longer than the patience. */
  stuck: boolean;
  /** A point fulfilled its stop rule. */
  ruleMet: boolean;
};

export type Journal = {
  of(dir: string): Truth;
  /** All attempts of a run that anything is known of. */
  run(runId: string): Truth[];
  all(): Truth[];
  /** Runs whose workers could not be heard for a while. */
  readonly muted: Set<string>;
};

export function createJournal(now: () => number): Journal {
  const truths = new Map<string, Truth>();
  const byRun = new Map<string, Truth[]>();
  return {
    of(dir) {
      const found = truths.get(dir);
      if (found !== undefined) return found;
      const { runId, attempt } = attemptAt(dir);
      const made: Truth = {
        runId,
        attempt,
        forks: 0,
        startedAt: now(),
        end: null,
        endedBy: null,
        recorded: null,
        recorderKilled: false,
        rebooted: false,
        directoryLost: false,
        lockRefused: false,
        talkedAt: now(),
        stuck: false,
        ruleMet: false,
      };
      truths.set(dir, made);
      const list = byRun.get(runId) ?? [];
      list.push(made);
      byRun.set(runId, list);
      return made;
    },
    run: (runId) => byRun.get(runId) ?? [],
    muted: new Set(),
    all: () => [...truths.values()],
  };
}
