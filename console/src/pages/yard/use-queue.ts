import { useMemo } from 'react';
import { order } from '../../data/order.ts';
import type { RunSummary } from '../../data/types.ts';
import { useWatched, watchedMost } from '../../data/use-watched.ts';
import { useYard } from '../../data/yard.ts';

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
  useWatched(shown);
  return { rows: shown, more: all.length - shown.length };
}
