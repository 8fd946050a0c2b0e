import type { Instant } from './instant.ts';

/** Bumped whenever a persisted snapshot of an older chart could behave differently. */
export const runMachineVersion = '1';

export type FinalStatus = 'completed' | 'failed' | 'cancelled' | 'rejected' | 'lost';

/** How the trainer ended, as the recorder saw it (docs/protocol.md, `exit`). */
export type TrainerExit = {
  readonly kind: 'exited' | 'signaled' | 'noexec' | 'notstarted';
  readonly code?: number;
  readonly signal?: string;
  readonly core?: boolean;
  readonly errno?: string;
  readonly message?: string;
};

export type Outcome = {
  readonly status: FinalStatus;
  /** One of docs/reasons.md. */
  readonly code: string;
  readonly text: string;
};

export type StopRequest = { readonly user: string; readonly reason: string; readonly at: string };

/** Everything the chart needs of a run's configuration; the rest stays in the registry. */
export type RunInput = {
  readonly runId: string;
  readonly stopSignal: string;
  readonly graceMs: number;
  /** Null: no limit. */
  readonly timeLimitMs: number | null;
};

export type RunContext = RunInput & {
  readonly attempt: number;
  /** Attempts that were voided: they never started, so another may follow. */
  readonly voids: number;
  readonly slots: readonly string[];
  readonly timeLimitAt: Instant | null;
  /** When `terminating` becomes `killing`, and when `killing` gives up. */
  readonly killAt: Instant | null;
  readonly giveUpAt: Instant | null;
  readonly stop: StopRequest | null;
  readonly exit: TrainerExit | null;
  readonly outcome: Outcome | null;
};

/** What people and the allocator ask for: imperative. */
export type RunCommand =
  | { type: 'run.grant'; slots: readonly string[] }
  | {
      type: 'run.stop';
      user: string;
      reason: string;
      at: string;
      skipGrace: boolean;
      now: Instant;
    };

/** What happened: past tense. */
export type RunFact =
  | { type: 'preflight.passed' }
  | { type: 'preflight.failed'; code: string; text: string }
  | { type: 'slots.leased'; slots: readonly string[]; now: Instant }
  | { type: 'slots.refused'; text: string }
  | { type: 'slots.released' }
  | { type: 'launch.failed'; code: string; text: string }
  | { type: 'attempt.voided' }
  | { type: 'trainer.started'; pid: number; at: string }
  | { type: 'trainer.exited'; exit: TrainerExit; at: string }
  | { type: 'trainer.vanished'; text: string }
  | { type: 'recorder.lost'; now: Instant }
  | { type: 'machine.rebooted' }
  | { type: 'worker.silent' }
  | { type: 'worker.heard' }
  | { type: 'limit.reached'; now: Instant }
  | { type: 'grace.ended'; now: Instant }
  | { type: 'kill.timed_out' }
  | { type: 'output.collected'; manifest: string; artifacts: number; last_metric: string }
  | { type: 'effect.failed'; effect: string; text: string };

export type RunEvent = RunCommand | RunFact;

export type AttemptInput = { readonly runId: string; readonly attempt: number };
