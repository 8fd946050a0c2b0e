/** Retries: the policy of a configuration as the chart knows it, and what is said while one waits. */
import type { SnapshotFrom } from 'xstate';
import type { Backoff } from '../allocator/index.ts';
import type { TrainRunConfig } from '../contracts/index.ts';
import {
  backoffOf,
  type Instant,
  msUntil,
  type RetryCause,
  type RetryPolicy,
  type RunContext,
  type runMachine,
} from '../machines/index.ts';
import type { EndFile } from './past-end.ts';

type Snapshot = SnapshotFrom<typeof runMachine>;

/** A time limit is the user's own wish: who wants another attempt after it has to say so. */
const defaultCauses: readonly RetryCause[] = [
  ...(['exit', 'signal', 'oom', 'stall', 'lost', 'unobserved', 'launch', 'internal'] as const),
];
const defaultBackoffS = 10;
const defaultFactor = 2;
const defaultMostS = 600;

/** Null: it is not tried again. */
export function retryPolicy({ retry }: TrainRunConfig): RetryPolicy | null {
  if (retry === undefined || retry.max === 0) return null;
  const { max, on = defaultCauses, backoff_s: first = defaultBackoffS } = retry;
  return {
    max,
    on,
    backoffMs: 1000 * first,
    factor: retry.backoff_factor ?? defaultFactor,
    backoffMaxMs: 1000 * (retry.backoff_max_s ?? Math.max(defaultMostS, first)),
  };
}

/** Null when it does not wait for a backoff. `now`: of this boot. */
export function waitOf(
  { notBefore, last, attempt, retry, retries }: RunContext,
  now: Instant,
): Backoff | null {
  if (notBefore === null || last === null || retry === null) return null;
  // Of another boot only the wall clock tells, and that may have been set: never longer than it was to be.
  const leftMs = Math.min(msUntil(notBefore, now), backoffOf(retry, retries - 1));
  return {
    monoMs: now.mono_ms + leftMs,
    attempt: `attempt ${attempt} of ${attempt + retry.max - retries}`,
    ended: `attempt ${last.attempt} ${last.status === 'lost' ? 'was lost' : last.status}: ${last.text}`,
  };
}

/** How the attempt ended that a transition has followed by another one; null when it has not. */
export function retriedOf(before: Snapshot, after: Snapshot, at: string): EndFile | null {
  const { last, retries } = after.context;
  if (last === null || retries === before.context.retries) return null;
  return { ...last, at, cause: before.context.cause };
}
