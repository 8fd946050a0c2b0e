import type { Instant } from './instant.ts';

/** Bumped whenever a persisted snapshot of an older chart could behave differently. */
export const runMachineVersion = '3';

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

/** What an attempt may end of that another one may follow: see docs/retries.md. */
export type RetryCause =
  | 'exit'
  | 'signal'
  | 'oom'
  | 'stall'
  | 'time_limit'
  | 'lost'
  | 'preempted'
  | 'unobserved'
  | 'launch'
  | 'internal';

export type RetryPolicy = {
  /** How many attempts may follow the first. */
  readonly max: number;
  /** Causes by name, and exit codes. */
  readonly on: readonly (RetryCause | number)[];
  /** The wait before the first retry; each further one is `factor` times as long, up to `backoffMaxMs`. */
  readonly backoffMs: number;
  readonly factor: number;
  readonly backoffMaxMs: number;
};

/** How the attempt before this one ended. */
export type AttemptEnd = {
  readonly attempt: number;
  readonly status: FinalStatus;
  readonly code: string;
  readonly text: string;
};

export type StopRequest = { readonly user: string; readonly reason: string; readonly at: string };

/** Everything the chart needs of a run's configuration; the rest stays in the registry. */
export type RunInput = {
  readonly runId: string;
  readonly stopSignal: string;
  readonly graceMs: number;
  /** How long SIGKILL may take before the run is called unkillable. */
  readonly killPatienceMs: number;
  /** Null: no limit. */
  readonly timeLimitMs: number | null;
  /** Who holds it from its submit on; left out: nobody. */
  readonly hold?: StopRequest | null;
  /** Left out, or null: no attempt is followed by another. */
  readonly retry?: RetryPolicy | null;
};

export type RunContext = RunInput & {
  readonly retry: RetryPolicy | null;
  /** Attempts that were begun because another one had failed. */
  readonly retries: number;
  /** Before it the next attempt does not begin: the backoff. */
  readonly notBefore: Instant | null;
  readonly last: AttemptEnd | null;
  /** What this attempt probably failed of. */
  readonly cause: { readonly code: string; readonly text: string } | null;
  /** Of somebody who came when the end was decided: there is no other attempt then. */
  readonly lateStop: StopRequest | null;
  readonly attempt: number;
  /** Attempts that were voided: they never started, so another may follow. */
  readonly voids: number;
  readonly slots: readonly string[];
  readonly timeLimitAt: Instant | null;
  /** When a trainer that is still not there counts as not launched. */
  readonly startBy: Instant | null;
  /** When `terminating` becomes `killing`, and when `killing` gives up. */
  readonly killAt: Instant | null;
  readonly giveUpAt: Instant | null;
  readonly stop: StopRequest | null;
  /** Who keeps it from starting, until it is released. Snapshots of before there were holds have none. */
  readonly hold?: StopRequest | null;
  /** Who paused it and why, until it goes on. */
  readonly pause: StopRequest | null;
  readonly exit: TrainerExit | null;
  readonly outcome: Outcome | null;
};

/** What people and the allocator ask for: imperative. */
export type RunCommand =
  | { type: 'run.grant'; slots: readonly string[] }
  /** It can never start: what it waits for has ended in another way than was asked for. */
  | { type: 'run.refuse'; code: string; text: string }
  | { type: 'run.hold'; user: string; reason: string; at: string }
  | { type: 'run.release'; user: string; reason: string; at: string }
  | {
      type: 'run.stop';
      user: string;
      reason: string;
      at: string;
      skipGrace: boolean;
      now: Instant;
    }
  | { type: 'run.pause'; user: string; reason: string; at: string }
  | { type: 'run.resume'; user: string; reason: string; at: string };

/** What happened: past tense. */
export type RunFact =
  /** `warnings`: what does not keep it from starting, but may surprise; `resumes`: what it goes on from. */
  | { type: 'preflight.passed'; warnings?: readonly string[]; resumes?: string }
  | { type: 'preflight.failed'; code: string; text: string }
  | { type: 'slots.leased'; slots: readonly string[]; now: Instant }
  | { type: 'slots.refused'; text: string }
  | { type: 'slots.released'; now: Instant }
  /** A place that somebody else gave out is gone, with all that was there: a job that has ended. */
  | { type: 'allocation.ended'; status: 'failed' | 'lost'; code: string; text: string }
  /** It will be taken away soon. */
  | { type: 'allocation.expiring'; text: string; now: Instant }
  /** Processes of the attempt outlived SIGKILL although its trainer is gone. */
  | { type: 'leftovers.survived' }
  | { type: 'launch.failed'; code: string; text: string; now: Instant }
  | { type: 'start.timed_out'; now: Instant }
  | { type: 'attempt.voided' }
  /** What was written about it before the launch is gone: nothing can be said or done about it. */
  | { type: 'attempt.lost'; text: string }
  | { type: 'trainer.started'; pid: number; at: string }
  /** `because`: what somebody else, who gave it its place, says of why it was ended. */
  | { type: 'trainer.exited'; exit: TrainerExit; at: string; because?: Outcome }
  | { type: 'trainer.vanished'; text: string }
  | { type: 'trainer.paused' }
  | { type: 'trainer.resumed' }
  | { type: 'trainer.stalled'; text: string; now: Instant }
  /** A metric is where the run was to end: see docs/decisions/0053-stop-when.md. */
  | { type: 'rule.met'; text: string; now: Instant }
  | { type: 'recorder.lost'; now: Instant }
  | { type: 'machine.rebooted' }
  | { type: 'worker.silent' }
  | { type: 'worker.heard' }
  | { type: 'limit.reached'; now: Instant }
  | { type: 'grace.ended'; now: Instant }
  | { type: 'kill.timed_out' }
  | {
      type: 'output.collected';
      manifest: string;
      artifacts: number;
      last_metric: string;
      /** What a failed trainer probably failed of: one of docs/reasons.md, and a sentence. */
      cause?: { code: string; text: string };
      /** What of the artifacts could not be taken. */
      problem?: string;
    }
  | { type: 'effect.failed'; effect: string; text: string };

export type RunEvent = RunCommand | RunFact;

/** What an alarm says when it rings. */
export type Alarm = 'limit.reached' | 'start.timed_out' | 'grace.ended' | 'kill.timed_out';

export type AttemptInput = { readonly runId: string; readonly attempt: number };
