import { useEffect, useMemo } from 'react';
import type { RunSummary } from '../../data/types.ts';
import { subscribe, useYard } from '../../data/yard.ts';

/** Of one subscription. */
const watchedMost = 100;

export type QueueState = { rows: readonly RunSummary[]; more: number };

/** Runs that wait, in the order in which they would start: priority, then the earlier submit. Live. */
export function useQueue(): QueueState {
  const runs = useYard((state) => state.runs);
  const all = useMemo(() => {
    const waiting = [...runs.values()].filter(({ status }) => status === 'queued');
    return waiting.sort(
      (a, b) =>
        b.priority - a.priority ||
        order(a.submitted_at, b.submitted_at) ||
        order(a.run_id, b.run_id),
    );
  }, [runs]);
  const shown = useMemo(() => all.slice(0, watchedMost), [all]);
  const ids = shown.map(({ run_id: id }) => id).join(',');
  // Why one waits changes without an event of it.
  useEffect(() => {
    if (ids === '') return;
    return subscribe({ wish: () => ({ kind: 'runs', runs: ids.split(',') }) });
  }, [ids]);
  return { rows: shown, more: all.length - shown.length };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
