import { useEffect } from 'react';
import type { RunSummary } from './types.ts';
import { subscribe } from './yard.ts';

/** Of one subscription; more than a screen has. */
export const watchedMost = 100;
/** So long a list has to stay: who scrolls by asks for nothing. */
const watchAfterMs = 400;

/** Has the yard told of what is no transition of these runs: heartbeats, last metrics, why one waits. */
export function useWatched(runs: readonly RunSummary[]): void {
  const wanted = runs
    .filter(({ finished_at: at }) => at === '')
    .slice(0, watchedMost)
    .map(({ run_id: id }) => id)
    .sort()
    .join(' ');
  useEffect(() => {
    if (wanted === '') return;
    let end: (() => void) | null = null;
    const timer = setTimeout(() => {
      end = subscribe({ wish: () => ({ kind: 'runs', runs: wanted.split(' ') }) });
    }, watchAfterMs);
    return () => {
      clearTimeout(timer);
      end?.();
    };
  }, [wanted]);
}
