/** Whether an attempt that has ended is followed by another one, by the run's own policy. */
import type { Outcome, RetryCause, RetryPolicy, RunContext } from './run.types.ts';

/** What of a guess about a failure counts as want of memory (docs/reasons.md). */
const memoryCauses: readonly string[] = ['cuda_out_of_memory', 'out_of_memory', 'oom_kill'];

/** The cause that an outcome's code stands for. What is not here is never retried: what a person, or a rule, wanted. */
const causeOf: Readonly<Record<string, RetryCause>> = {
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
  node_failed: 'lost',
  job_lost: 'lost',
  job_restarted: 'lost',
  preempted: 'preempted',
  out_of_memory: 'oom',
  job_failed: 'launch',
  internal: 'internal',
};

/** By all names that a policy may know it by: `exit` and 137, `signal` and `oom`. */
export function retryCausesOf(
  context: Pick<RunContext, 'outcome' | 'exit' | 'cause'>,
): (RetryCause | number)[] {
  const { outcome, exit, cause } = context;
  const name = causeOf[outcome?.code ?? ''];
  if (name === undefined) return [];
  const itself = name === 'exit' || name === 'signal';
  return [
    name,
    ...(name === 'exit' && exit?.code !== undefined ? [exit.code] : []),
    ...(itself && memoryCauses.includes(cause?.code ?? '') ? (['oom'] as const) : []),
  ];
}

/** True when its policy has another attempt for such an end, whatever people ask for. */
export function wantsRetry(context: RunContext): boolean {
  const { retry, retries } = context;
  if (retry === null || retries >= retry.max) return false;
  return retryCausesOf(context).some((cause) => retry.on.includes(cause));
}

/** Milliseconds to wait before the next attempt, after so many retries. */
export function backoffOf(policy: RetryPolicy, retries: number): number {
  const { backoffMs, factor, backoffMaxMs } = policy;
  // Beyond any limit after a while: the power itself must stay a number.
  const grown = Math.min(backoffMs * factor ** Math.min(retries, 1000), Number.MAX_SAFE_INTEGER);
  return Math.round(Math.min(grown, backoffMaxMs));
}

/** An outcome with what it probably failed of: `exited 1: CUDA out of memory`. */
export function endText(outcome: Outcome, cause: RunContext['cause']): string {
  const itself = outcome.code === 'exit_nonzero' || outcome.code === 'signal';
  return itself && cause !== null ? `${outcome.text}: ${cause.text}` : outcome.text;
}
