/** What a state of the chart says of its run. */
import type { RunEvent, RunSummary } from './types.ts';

/** The status of the API, as a state of the chart tells it. */
export function statusOf(state: string): string {
  const [first = '', second = ''] = state.split('.');
  return first === 'done' ? second : first;
}

/** The summary after a transition, as far as that tells it; the daemon's own comes later. */
export function moved(run: RunSummary, { seq, at, to, attempt }: RunEvent): RunSummary {
  const finished = to.startsWith('done') ? at : run.finished_at;
  const status = statusOf(to) as RunSummary['status'];
  return { ...run, state: to, status, attempt, last_seq: seq, finished_at: finished };
}
