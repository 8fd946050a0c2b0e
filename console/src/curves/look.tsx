/** How curves are drawn, which is in the address, and what changes it: the same for one run and for many. */
import { useMemo } from 'react';
import { useQuery } from '../data/query.ts';
import { useKeys } from '../keys/keys.ts';
import type { Axis } from './points.ts';

/** `weight` of smoothing: 0 is as measured. */
export type Look = { axis: Axis; isLog: boolean; weight: number };
type Change = (changes: Readonly<Record<string, string | null>>) => void;

const smoothings = [
  ['0', 'as measured'],
  ['0.6', 'smoothed a little'],
  ['0.9', 'smoothed'],
  ['0.97', 'smoothed a lot'],
] as const;

/** Of the address, with the keys that change it. */
export function useLook(): Look {
  const [query, change] = useQuery();
  const axis = query.get('x') === 'wall' ? 'wall' : 'step';
  const isLog = query.get('log') === 'on';
  const weight = Number(query.get('smooth') ?? 0);
  const look = useMemo<Look>(() => ({ axis, isLog, weight }), [axis, isLog, weight]);
  useKeys([
    { keys: 'L', label: 'log axis', run: () => turnLog(look, change) },
    { keys: 'w', label: 'by time or by step', run: () => turnAxis(look, change) },
  ]);
  return look;
}

function turnLog({ isLog }: Look, change: Change): void {
  change({ log: isLog ? null : 'on' });
}

function turnAxis({ axis }: Look, change: Change): void {
  change({ x: axis === 'wall' ? null : 'wall' });
}

export function LookTools({ look }: { look: Look }) {
  const [, change] = useQuery();
  return (
    <>
      <select
        className="field"
        aria-label="smoothing"
        value={String(look.weight)}
        onChange={({ target: { value } }) => change({ smooth: value === '0' ? null : value })}
      >
        {smoothings.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <button
        type="button"
        className="button"
        aria-pressed={look.isLog}
        title="logarithmic axis (L)"
        onClick={() => turnLog(look, change)}
      >
        log
      </button>
      <button
        type="button"
        className="button"
        aria-pressed={look.axis === 'wall'}
        title="by time instead of by step (w)"
        onClick={() => turnAxis(look, change)}
      >
        time
      </button>
    </>
  );
}
