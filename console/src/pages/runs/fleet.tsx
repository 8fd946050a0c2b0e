import { useMemo } from 'react';
import { Chart } from '../../chart/chart.tsx';
import type { RunSummary } from '../../data/types.ts';
import type { Filter } from './filter.ts';

/** The chart of all runs, with how many are in each state; a press shows those. */
export function Fleet(props: {
  runs: readonly RunSummary[];
  filter: Filter;
  change: (changes: Readonly<Record<string, string | null>>) => void;
}) {
  const { runs, filter, change } = props;
  const counts = useMemo(() => countStates(runs), [runs]);
  const { state: picked } = filter;
  const lit = useMemo(() => ({ counts, picked }), [counts, picked]);
  return (
    <section className="fleet" aria-label="all runs">
      <Chart
        name="run-overview"
        label="how many runs are in each state"
        lit={lit}
        onState={(state) => change({ state: picked === state ? null : state, status: null })}
      />
    </section>
  );
}

/** Of each state and all around it; without those where nothing is. */
function countStates(runs: readonly RunSummary[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { state } of runs) {
    let id = state;
    while (id !== '') {
      counts.set(id, (counts.get(id) ?? 0) + 1);
      id = id.slice(0, Math.max(0, id.lastIndexOf('.')));
    }
  }
  return counts;
}
