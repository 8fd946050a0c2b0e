/** Attempts of a run one after the other: numbered, few enough, never after a stop, never too soon. */
import type { TrainRunConfig } from '../../src/contracts/index.ts';
import type { Transition } from './checker.ts';
import type { Stage } from './stage.ts';

type Policy = NonNullable<TrainRunConfig['retry']>;
export type Ended = { status: string; code: string; text: string };

type Run = {
  /** The attempt of the next transition. */
  attempt: number;
  retries: number;
  stopped: boolean;
  exitCode: number | null;
  cause: string;
  /** The last attempt that another one followed because of the policy; 0: none. */
  retried: number;
};

export type Retries = {
  /** One committed transition. `fresh`: just now, and not read again by a new daemon. */
  take(t: Transition, policy: Policy | undefined, fresh: boolean): void;
  /** The registry is read from its beginning. */
  restart(): void;
  /** The last attempt of a run that was tried again. */
  retriedOf(runId: string): number;
};

/** What each code is called in a policy. Written down here once more: the product must not vouch for itself. */
const names: Readonly<Record<string, string>> = {
  exit_nonzero: 'exit',
  signal: 'signal',
  stalled: 'stall',
  time_limit: 'time_limit',
  machine_rebooted: 'lost',
  trainer_vanished: 'lost',
  exit_unobserved: 'unobserved',
  launch_failed: 'launch',
  not_started: 'launch',
  voided: 'launch',
  internal: 'internal',
};
/** Instants are taken a moment before the commit. */
const toleranceMs = 20;

/** Null: the transition is no retry. */
export function endedOf(t: Transition): Ended | null {
  return (JSON.parse(t.detail) as { ended?: Ended }).ended ?? null;
}

export function createRetries(stage: Stage, reboots: () => number): Retries {
  const { schedule, violate } = stage;
  const runs = new Map<string, Run>();
  /** By run and attempt: before when it must not begin, unless the machine was restarted since. */
  const due = new Map<string, { atMs: number; reboots: number }>();

  const named = (run: Run, code: string, { on }: Policy): boolean => {
    const name = names[code] ?? '';
    if (on === undefined) return name !== '' && name !== 'time_limit';
    const isExit = code === 'exit_nonzero';
    return on.some(
      (cause) =>
        cause === name ||
        (isExit && cause === run.exitCode) ||
        (cause === 'oom' && run.cause === 'oom_kill' && (isExit || code === 'signal')),
    );
  };
  const again = (t: Transition, run: Run, policy: Policy | undefined, fresh: boolean): void => {
    const ended = endedOf(t);
    const about = `${t.run_id}/${t.attempt}`;
    if (run.stopped) violate('retries', `${about} is followed by another although it was stopped`);
    run.attempt += 1;
    if (ended !== null) {
      run.retries += 1;
      run.retried = t.attempt;
      if (policy === undefined || run.retries > policy.max)
        violate('retries', `${about} is followed by another once too often`);
      else if (!named(run, ended.code, policy))
        violate('retries', `${about} ended of ${ended.code}, and is tried again`);
      const { backoff_s: first = 10, backoff_factor: factor = 2 } = policy ?? {};
      const most = policy?.backoff_max_s ?? Math.max(600, first);
      const waitMs = 1000 * Math.min(most, first * factor ** (run.retries - 1));
      const atMs = schedule.now() + waitMs - toleranceMs;
      if (fresh) due.set(`${t.run_id}/${run.attempt}`, { atMs, reboots: reboots() });
    } else if (
      stage.journal.run(t.run_id).some((each) => each.attempt === t.attempt && each.forks > 0)
    )
      violate('never-twice', `${about} ran, and another follows although it was not tried again`);
    run.exitCode = null;
    run.cause = '';
  };

  return {
    take(t, policy, fresh) {
      const run = runs.get(t.run_id) ?? {
        attempt: 1,
        retries: 0,
        stopped: false,
        exitCode: null,
        cause: '',
        retried: 0,
      };
      runs.set(t.run_id, run);
      if (t.attempt !== run.attempt)
        violate('retries', `${t.run_id}: attempt ${t.attempt}, and ${run.attempt} is next`);
      const detail = JSON.parse(t.detail) as { exit?: { code?: number }; cause?: { code: string } };
      if (t.event === 'run.stop') run.stopped = true;
      if (t.event === 'trainer.exited') run.exitCode = detail.exit?.code ?? null;
      if (t.event === 'output.collected') run.cause = detail.cause?.code ?? '';
      if (t.from_state.startsWith('stopping') && t.to_state === 'queued')
        again(t, run, policy, fresh);
      const wait = due.get(`${t.run_id}/${t.attempt}`);
      if (fresh && t.event === 'run.grant' && wait?.reboots === reboots()) {
        const early = wait.atMs - schedule.now();
        if (early > 0)
          violate(
            'retries',
            `${t.run_id}/${t.attempt} begins ${early} ms before its backoff is over`,
          );
      }
    },
    restart: () => runs.clear(),
    retriedOf: (runId) => runs.get(runId)?.retried ?? 0,
  };
}
