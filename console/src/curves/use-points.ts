import { useEffect, useRef, useState } from 'react';
import { subscribe } from '../data/yard.ts';
import { addBatch, noPoints, type Points } from './points.ts';

/** Ranges that a long history is thinned to: three points each, more than a plot is wide. */
const thin = 500;
/** With more than this the history is thinned anew. */
const pointsMost = 8000;
/** Drawn at most this often. */
const drawMs = 100;

/** The points of one metric of an attempt, live. `version` changes with them, so that they are drawn. */
export function usePoints(
  run: string,
  attempt: number,
  key: string,
): {
  points: Points;
  version: number;
  /** Why no more come; empty when they do, or when all are there. */
  error: string;
} {
  const points = useRef(noPoints());
  const [version, setVersion] = useState(0);
  const [round, setRound] = useState(0);
  const [error, setError] = useState('');
  // biome-ignore lint/correctness/useExhaustiveDependencies: a round is a new begin
  useEffect(() => {
    const own = noPoints();
    points.current = own;
    setError('');
    let timer: number | undefined;
    const end = subscribe({
      wish: () => {
        const from = (own.seqs.at(-1) ?? 0) + 1;
        // Who goes on wants what is new as it is.
        return {
          kind: 'metrics',
          run,
          attempt,
          key,
          from_seq: from,
          ...(from === 1 ? { thin } : {}),
        };
      },
      metrics(batch) {
        addBatch(own, batch);
        if (own.seqs.length > pointsMost) setRound((before) => before + 1);
        timer ??= window.setTimeout(() => {
          timer = undefined;
          setVersion((before) => before + 1);
        }, drawMs);
      },
      ended: (failure) => setError(failure?.message ?? ''),
    });
    return () => {
      window.clearTimeout(timer);
      end();
    };
  }, [run, attempt, key, round]);
  return { points: points.current, version, error };
}
