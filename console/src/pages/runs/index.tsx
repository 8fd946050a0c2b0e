/** All runs of the yard: live, filtered by the address, stopped in bulk. */
import { useDeferredValue, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { askRuns, useMayAct, type Verb, verbsOf } from '../../acts/acts.ts';
import { StopDialog } from '../../acts/stop-dialog.tsx';
import { errorText } from '../../data/api.ts';
import { useQuery } from '../../data/query.ts';
import type { RunSummary } from '../../data/types.ts';
import { loadOlder, useYard } from '../../data/yard.ts';
import { useKeys } from '../../keys/keys.ts';
import { note } from '../../ui/notes.tsx';
import { useTitle } from '../../ui/title.ts';
import { isPlain, isShown, readFilter, readSort, sorted } from './filter.ts';
import { Filters } from './filters.tsx';
import { Fleet } from './fleet.tsx';
import { NoRuns } from './no-runs.tsx';
import './runs.css';
import { RunsTable } from './table.tsx';

export function RunsPage() {
  const [query, change] = useQuery();
  const [, navigate] = useLocation();
  const mayAct = useMayAct();
  useTitle('Runs');
  const known = useYard((state) => state.runs);
  const loaded = useYard((state) => state.loaded);
  const loadError = useYard((state) => state.loadError);
  const older = useYard((state) => state.older);
  const runs = useDeferredValue(known);
  const filter = useMemo(() => readFilter(query), [query]);
  const sort = useMemo(() => readSort(query), [query]);
  // Without the state: the chart counts what could be chosen.
  const counted = useMemo(
    () => [...runs.values()].filter((run) => isShown(run, { ...filter, state: '', status: [] })),
    [runs, filter],
  );
  const shown = useMemo(
    () =>
      sorted(
        counted.filter((run) => isShown(run, filter)),
        sort,
      ),
    [counted, filter, sort],
  );
  const [at, setAt] = useState('');
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [stopping, setStopping] = useState<readonly RunSummary[]>([]);

  const index = Math.max(
    0,
    shown.findIndex(({ run_id: id }) => id === at),
  );
  const move = (by: number): void => {
    const next = shown[Math.min(shown.length - 1, Math.max(0, at === '' ? 0 : index + by))];
    if (next !== undefined) setAt(next.run_id);
  };
  const pick = (id: string): void => {
    const next = new Set(picked);
    if (!next.delete(id)) next.add(id);
    setPicked(next);
  };
  const here = at === '' ? undefined : shown[index];
  const chosen = (): RunSummary[] =>
    picked.size > 0 ? shown.filter(({ run_id: id }) => picked.has(id)) : here ? [here] : [];
  const able = (verb: Verb): RunSummary[] => chosen().filter((run) => verbsOf(run).includes(verb));
  const act = (verb: 'stop' | 'retry'): void => {
    const runs = able(verb);
    if (!mayAct) note('this session may look and change nothing: runyard console', true);
    else if (runs.length === 0)
      note(verb === 'stop' ? 'none of the chosen runs is live' : 'none of the chosen runs is over');
    else if (verb === 'stop') setStopping(runs);
    else void askRuns('retry', runs).then(() => setPicked(new Set()));
  };
  const isFleet = query.get('fleet') !== 'off';
  useKeys([
    { keys: '/', label: 'search', run: () => document.getElementById('search')?.focus() },
    { keys: 'j', label: 'next row', run: () => move(1) },
    { keys: 'k', label: 'row before', run: () => move(-1) },
    { keys: 'Enter', label: 'open the run', run: () => here && navigate(`/run/${here.run_id}`) },
    { keys: 'x', label: 'choose the row, or no longer', run: () => here && pick(here.run_id) },
    { keys: 'X', label: 'choose none', run: () => setPicked(new Set()) },
    { keys: 's', label: 'stop the chosen runs', run: () => act('stop') },
    { keys: 'r', label: 'retry the chosen runs that are over', run: () => act('retry') },
    {
      keys: 'c',
      label: 'compare the chosen runs',
      run: () => {
        const ids = chosen().map(({ run_id: id }) => id);
        if (ids.length > 0) navigate(`/compare?runs=${ids.join(',')}`);
      },
    },
    {
      keys: 'f',
      label: 'the chart of all runs',
      run: () => change({ fleet: isFleet ? 'off' : null }),
    },
  ]);

  if (loadError !== '' && runs.size === 0) {
    return (
      <div className="empty">
        <h1>The runs could not be loaded</h1>
        <p className="trouble">{loadError}</p>
      </div>
    );
  }
  if (!loaded && runs.size === 0) return <p className="empty quiet">loading …</p>;
  if (runs.size === 0) return <NoRuns />;
  const countOf = (verb: Verb): string => {
    const count = picked.size > 0 ? able(verb).length : 0;
    return count > 0 ? ` ${count}` : '';
  };
  return (
    <div className="runs">
      <h1 className="unseen">Runs</h1>
      <Filters filter={filter} runs={counted} all={runs} change={change}>
        <span className="quiet" aria-live="polite">
          {shown.length === runs.size
            ? `${runs.size} runs`
            : `${shown.length} of ${runs.size} runs`}
        </span>
        <button
          type="button"
          className="button"
          aria-pressed={isFleet}
          title="the chart of all runs (f)"
          onClick={() => change({ fleet: isFleet ? 'off' : null })}
        >
          Chart
        </button>
        <button
          type="button"
          className="button"
          disabled={!mayAct || able('retry').length === 0}
          title="new runs like the chosen ones that are over (r)"
          onClick={() => act('retry')}
        >
          Retry{countOf('retry')}
        </button>
        <button
          type="button"
          className="button"
          disabled={!mayAct || able('stop').length === 0}
          title="stop the chosen runs (s)"
          onClick={() => act('stop')}
        >
          Stop{countOf('stop')} …
        </button>
      </Filters>
      {isFleet ? <Fleet runs={counted} filter={filter} change={change} /> : null}
      {shown.length === 0 ? (
        <div className="empty">
          <p>No run is like that.</p>
          {isPlain(filter) ? null : (
            <button
              type="button"
              className="button"
              onClick={() =>
                change({
                  status: null,
                  state: null,
                  user: null,
                  project: null,
                  group: null,
                  q: null,
                })
              }
            >
              Show all runs
            </button>
          )}
        </div>
      ) : (
        <RunsTable
          runs={shown}
          at={here?.run_id ?? ''}
          picked={picked}
          sort={sort}
          onSort={(by) => change({ sort: sort.by !== by ? by : sort.isDown ? null : `-${by}` })}
          onAt={setAt}
          onPick={pick}
        />
      )}
      {older === '' ? null : (
        <p className="older quiet">
          Older runs are not loaded.{' '}
          <button
            type="button"
            className="button"
            onClick={() => void loadOlder().catch((error) => note(errorText(error), true))}
          >
            Load more
          </button>
        </p>
      )}
      <StopDialog runs={stopping} onClose={() => setStopping([])} />
    </div>
  );
}
