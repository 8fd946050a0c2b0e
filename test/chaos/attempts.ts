/** Attempts of a run one after the other, as its trainers wrote them down and as its events tell them. */
import type { RunSummary } from '../../src/contracts/index.ts';
import type { Count } from './checker.ts';
import type { Journal } from './journal.ts';
import type { LoadedRun } from './load.ts';
import type { Excuse } from './verdict.ts';

export type Complaint = readonly [count: Count, text: string];

/** What is wrong with them; `journals` by attempt, of those that a trainer was started in. */
export function attemptComplaints(
  { plan, attempts, stoppedAt, stopTried }: LoadedRun,
  told: RunSummary,
  journals: ReadonlyMap<number, Journal>,
  excuse: Excuse,
): Complaint[] {
  const found: Complaint[] = [];
  const twice = (text: string): void => void found.push(['runs started twice', text]);
  const wrong = (text: string): void => void found.push(['runs wrongly reported', text]);
  const started = [...journals.keys()].sort((a, b) => a - b);
  for (const [attempt, { again, overlaps }] of journals) {
    if (again > 0) twice(`attempt ${attempt}: ${again} more starts`);
    if (overlaps > 0) twice(`attempt ${attempt} began while an earlier one lived`);
    if (attempt > told.attempt) twice(`attempt ${attempt} ran, ${told.attempt} is told`);
  }
  if (plan.retries === 0 && started.some((attempt) => attempt !== told.attempt))
    twice(`attempts ${started} ran, ${told.attempt} is told`);
  if (started.length > plan.retries + 1)
    twice(`${started.length} attempts ran, ${plan.retries + 1} may`);
  const at = attempts.findIndex((attempt, index) => attempt !== index + 1);
  if (at >= 0 || attempts.length !== told.attempt)
    wrong(`attempts ${attempts} came by the events, ${told.attempt} is told`);
  if (stoppedAt !== null && told.attempt > stoppedAt)
    twice(`attempt ${told.attempt} although it was stopped in ${stoppedAt}`);
  for (const attempt of started.slice(0, -1)) {
    const succeeded = journals.get(attempt)?.ends.some(({ exit }) => exit === 0);
    if (succeeded && !excuse.end) wrong(`attempt ${attempt} succeeded, and another followed`);
  }
  const mayBeFewer = stopTried || excuse.end || excuse.start;
  const isOfItsOwn = ['exit_nonzero', 'signal'].includes(told.failure_reason?.code ?? '');
  if (told.status === 'failed' && isOfItsOwn && !mayBeFewer && started.length <= plan.retries)
    wrong(`${started.length} attempts failed, ${plan.retries} more were to follow the first`);
  return found;
}
