import type { ReactNode } from 'react';
import { statuses } from '../../../../src/units.ts';
import type { RunSummary } from '../../data/types.ts';
import { State } from '../../ui/marks.tsx';
import type { Filter } from './filter.ts';

type Change = (changes: Readonly<Record<string, string | null>>) => void;

/** Search, statuses with their counts, and choices of whatever runs have. */
export function Filters(props: {
  filter: Filter;
  runs: readonly RunSummary[];
  all: ReadonlyMap<string, RunSummary>;
  change: Change;
  children: ReactNode;
}) {
  const { filter, runs, all, change, children } = props;
  const counts = new Map<string, number>();
  for (const { status } of runs) counts.set(status, (counts.get(status) ?? 0) + 1);
  const toggle = (status: string): void => {
    const { status: chosen } = filter;
    const next = chosen.includes(status)
      ? chosen.filter((each) => each !== status)
      : [...chosen, status];
    change({ status: next.join(','), state: null });
  };
  return (
    <div className="filters row wrap">
      <input
        id="search"
        className="field"
        type="search"
        aria-label="search runs"
        placeholder="search  ( / )"
        value={filter.text}
        onChange={(event) => change({ q: event.target.value })}
      />
      <fieldset className="chips">
        <legend className="unseen">statuses</legend>
        {statuses
          .filter((status) => (counts.get(status) ?? 0) > 0 || filter.status.includes(status))
          .map((status) => (
            <button
              key={status}
              type="button"
              className="button"
              aria-pressed={filter.status.includes(status)}
              onClick={() => toggle(status)}
            >
              <State status={status} /> {counts.get(status) ?? 0}
            </button>
          ))}
      </fieldset>
      {(['user', 'project', 'group'] as const).map((name) => (
        <Choice key={name} name={name} value={filter[name]} runs={all} change={change} />
      ))}
      {filter.state === '' ? null : (
        <button type="button" className="button" onClick={() => change({ state: null })}>
          in <code>{filter.state}</code> ×
        </button>
      )}
      <span className="push" />
      {children}
    </div>
  );
}

/** Shown where there is something to choose. */
function Choice(props: {
  name: 'user' | 'project' | 'group';
  value: string;
  runs: ReadonlyMap<string, RunSummary>;
  change: Change;
}) {
  const { name, value, runs, change } = props;
  const found = new Set([...runs.values()].map((run) => run[name]).filter((each) => each !== ''));
  if (value === '' && found.size < 2) return null;
  const values = [...found.add(value)].filter((each) => each !== '').sort();
  return (
    <select
      className="field"
      aria-label={name}
      value={value}
      onChange={(event) => change({ [name]: event.target.value })}
    >
      <option value="">any {name}</option>
      {values.map((each) => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  );
}
