/** Curves and numbers of many runs side by side; which ones and how is in the address. */
import { useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { firstOf } from '../../curves/first.ts';
import { useLook } from '../../curves/look.tsx';
import { useQuery } from '../../data/query.ts';
import { useKeys } from '../../keys/keys.ts';
import { useTitle } from '../../ui/title.ts';
import { compared } from './cells.ts';
import { Choose } from './choose.tsx';
import './compare.css';
import { ManyCurves } from './many-curves.tsx';
import { CompareTable } from './table.tsx';
import { Tools } from './tools.tsx';
import { runsMost, useMetricKeys, useRuns } from './use-compared.ts';

const shownFirst = 1;

export function ComparePage() {
  const [query, change] = useQuery();
  const names = query.get('runs') ?? '';
  const group = (query.get('group') ?? '').replace(/^g:/, '');
  useTitle(group === '' ? 'Compare' : `g:${group}`);
  if (names === '' && group === '')
    return <Choose onChoose={(runs) => change({ runs: runs.join(',') })} />;
  return <Chosen key={`${group} ${names}`} names={names} group={group} />;
}

function Chosen({ names, group }: { names: string; group: string }) {
  const [query, change] = useQuery();
  const [, navigate] = useLocation();
  const { runs, total, isLoaded, error } = useRuns(names, group);
  const keys = useMetricKeys(runs);
  const all = useMemo(() => compared(runs), [runs]);
  const [picked, setPicked] = useState('');
  const look = useLook();
  const canMean = all.cells.some(({ members }) => members.length > 1);
  const isMean = canMean && query.get('each') !== 'on';
  const known = useMemo(() => [...new Set((keys ?? []).map(({ key }) => key))].sort(), [keys]);
  const chosen = query.get('keys');
  const shown =
    chosen === null ? firstOf(known, shownFirst) : chosen.split(',').filter((name) => name !== '');
  const show = (next: readonly string[]): void => change({ keys: next.join(',') || ',' });
  const cells = useMemo(() => (isMean ? all.cells : []), [isMean, all]);
  const rows = isMean ? all.cells.map(({ id }) => id) : all.members.map(({ run }) => run.run_id);
  const move = (by: number): void => {
    const at = rows.indexOf(picked);
    setPicked(rows[Math.min(rows.length - 1, Math.max(0, picked === '' ? 0 : at + by))] ?? '');
  };
  useKeys([
    { keys: 'j', label: 'next row', run: () => move(1) },
    { keys: 'k', label: 'row before', run: () => move(-1) },
    { keys: 'X', label: 'choose none', run: () => setPicked('') },
    {
      keys: 'Enter',
      label: 'open the run',
      run: () => picked !== '' && !isMean && navigate(`/run/${picked}`),
    },
    {
      keys: 'm',
      label: 'means over seeds, or each run',
      run: () => change({ each: isMean ? 'on' : null }),
    },
  ]);
  if (!isLoaded) return <p className="empty quiet">loading …</p>;
  if (runs.length === 0) {
    return (
      <div className="empty">
        <h1>There is nothing to compare</h1>
        {error === '' ? null : <p className="trouble">{error}</p>}
        <button
          type="button"
          className="button"
          onClick={() => change({ runs: null, group: null })}
        >
          Choose runs
        </button>
      </div>
    );
  }
  return (
    <div className="compare">
      <Tools
        title={group === '' ? `${runs.length} runs` : `g:${group}`}
        count={group === '' ? '' : `${runs.length} runs`}
        keys={known}
        shown={shown}
        look={look}
        mean={canMean ? isMean : null}
        best={query.get('best') ?? ''}
        onShow={show}
        change={change}
      />
      {error === '' ? null : <p className="trouble">{error}</p>}
      {total <= runsMost ? null : (
        <p className="quiet">
          The first {runsMost} of {total} runs are shown.
        </p>
      )}
      {keys !== null && known.length === 0 ? (
        <p className="quiet">None of these runs has written a number so far.</p>
      ) : null}
      {shown.map((name) => (
        <ManyCurves
          key={name}
          runs={runs}
          members={all.members}
          cells={cells}
          name={name}
          look={look}
          picked={picked}
          onPick={setPicked}
          onRemove={() => show(shown.filter((each) => each !== name))}
        />
      ))}
      <CompareTable
        all={all}
        keys={keys ?? []}
        shown={shown}
        isMean={isMean}
        best={query.get('best') ?? ''}
        picked={picked}
        onPick={setPicked}
      />
    </div>
  );
}
