/**
 * An attempt of the past that another one followed: how it ended is written in its directory, and the
 * chart is taken there by what can have led to it. Where that file is lost too, what comes after it still
 * says that there was a retry, and the run's policy of what.
 */
import fs from 'node:fs';
import path from 'node:path';
import {
  type AttemptEnd,
  type Instant,
  outcomeOf,
  type RetryCause,
  type RetryPolicy,
  type RunContext,
  type RunEvent,
  retryCausesOf,
} from '../machines/index.ts';
import { attemptFiles, bootId } from '../rundir/index.ts';
import type { PastAttempt } from './past-attempt.ts';

/** `ended.json`: why another attempt follows. */
export type EndFile = AttemptEnd & {
  /** When its slots were released: from here on the backoff counts. */
  readonly at: string;
  readonly cause: RunContext['cause'];
};

/** Null when none followed, as far as is written there. */
export function readEnd(dir: string): EndFile | null {
  try {
    const found = JSON.parse(fs.readFileSync(path.join(dir, attemptFiles.ended), 'utf8'));
    return typeof found.code === 'string' && typeof found.at === 'string' ? found : null;
  } catch {
    return null;
  }
}

/** What its end must have been for another one to follow, when nothing says it. */
export function assumedEnd(past: PastAttempt, attempt: number, policy: RetryPolicy): EndFile {
  const exit = past.kind === 'exited' ? past.exit : null;
  const code =
    exit !== null
      ? outcomeOf(exit).code
      : past.bootId === bootId()
        ? 'exit_unobserved'
        : 'machine_rebooted';
  const text = 'what is known of its end was lost with the registry';
  const at = past.drainedAt ?? past.endedAt ?? new Date(past.preparedMs).toISOString();
  const end: EndFile = { attempt, status: 'failed', code, text, at, cause: null };
  const fits = (guess: EndFile): boolean =>
    retryCausesOf({ outcome: guess, exit, cause: guess.cause }).some((cause) =>
      policy.on.includes(cause),
    );
  const guesses: EndFile[] = [
    end,
    { ...end, cause: { code: 'out_of_memory', text } },
    ...policy.on.flatMap((cause) => {
      const known = typeof cause === 'number' ? undefined : codes[cause];
      return known === undefined ? [] : [{ ...end, code: known }];
    }),
  ];
  return guesses.find(fits) ?? end;
}

/** The way through the chart, from the running trainer to the retry. What does not apply changes nothing. */
export function endEvents(past: PastAttempt, end: EndFile, now: Instant): RunEvent[] {
  const { text, cause, at } = end;
  const exited: RunEvent[] =
    past.kind === 'exited' ? [{ type: 'trainer.exited', exit: past.exit, at }] : [];
  const { manifest, artifacts } = past;
  return [
    ...(wayOf(end)?.({ text, now }) ?? []),
    ...exited,
    past.kind === 'voided' || past.kind === 'pending'
      ? { type: 'attempt.voided' }
      : { type: 'trainer.vanished', text },
    {
      type: 'output.collected',
      manifest,
      artifacts,
      last_metric: '',
      ...(cause === null ? {} : { cause }),
    },
    { type: 'slots.released', now },
  ];
}

type Known = { text: string; now: Instant };

/** What comes first where it is not the trainer's own end. */
const ways: Readonly<Record<string, (known: Known) => RunEvent[]>> = {
  time_limit: ({ now }) => [{ type: 'limit.reached', now }],
  stalled: ({ text, now }) => [{ type: 'trainer.stalled', text, now }],
  machine_rebooted: () => [{ type: 'machine.rebooted' }],
  trainer_vanished: ({ text }) => [{ type: 'attempt.lost', text }],
  launch_failed: ({ text, now }) => [{ type: 'launch.failed', code: 'launch_failed', text, now }],
  internal: ({ text }) => [{ type: 'effect.failed', effect: 'it', text }],
};

/** What the place where it ran said of its end, which no exit shows. */
const elsewhere: readonly string[] = [
  ...['node_failed', 'preempted', 'out_of_memory', 'cancelled_elsewhere'],
  ...['job_failed', 'job_lost', 'job_restarted'],
];

function wayOf({ code, status }: EndFile): ((known: Known) => RunEvent[]) | undefined {
  if (!elsewhere.includes(code)) return ways[code];
  const as = status === 'lost' ? 'lost' : 'failed';
  return ({ text }) => [{ type: 'allocation.ended', status: as, code, text }];
}

/** A code for each cause that an exit alone does not show. */
const codes: Readonly<Partial<Record<RetryCause, string>>> = {
  stall: 'stalled',
  time_limit: 'time_limit',
  lost: 'machine_rebooted',
  preempted: 'preempted',
  unobserved: 'exit_unobserved',
  launch: 'launch_failed',
  internal: 'internal',
};
