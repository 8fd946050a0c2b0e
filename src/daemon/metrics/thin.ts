/** A long history in few points: of each range of numbers and each metric the least, the greatest, the last. */
import type { MetricPoint } from '../../contracts/index.ts';

export type Range = { first: number; last: number; points: MetricPoint[]; of: number };

export type Thinner = {
  /** Points in order. Gives the ranges that are over with them. */
  add(points: readonly MetricPoint[]): Range[];
  /** The range that is not over yet, as far as it came; null when it has not begun. */
  rest(): Range | null;
};

type Kept = { least: MetricPoint; greatest: MetricPoint; last: MetricPoint };

/** Ranges of `width` numbers, from `first` on. */
export function createThinner(first: number, width: number): Thinner {
  let from = first;
  let seen = 0;
  const kept = new Map<string, Kept>();

  const add = (point: MetricPoint): void => {
    seen += 1;
    const { key, value } = point;
    const one = kept.get(key);
    if (one === undefined) {
      kept.set(key, { least: point, greatest: point, last: point });
      return;
    }
    one.last = point;
    // NaN is not less and not greater than anything, and anything is more than NaN.
    if (value < one.least.value || Number.isNaN(one.least.value)) one.least = point;
    if (value > one.greatest.value || Number.isNaN(one.greatest.value)) one.greatest = point;
  };
  const close = (last: number): Range => {
    const all = [...kept.values()].flatMap(({ least, greatest, last }) => [least, greatest, last]);
    const points = [...new Set(all)].sort((a, b) => a.seq - b.seq);
    const range = { first: from, last, points, of: seen };
    kept.clear();
    seen = 0;
    from = last + 1;
    return range;
  };
  return {
    add(points) {
      const over: Range[] = [];
      for (const point of points) {
        // Where points are missing, or of another name, several ranges may be over.
        if (point.seq >= from + width) {
          const last = point.seq - 1 - ((point.seq - from) % width);
          over.push(close(last));
        }
        add(point);
      }
      return over;
    },
    rest: () => (seen === 0 ? null : close(Math.max(from, lastOf(kept)))),
  };
}

function lastOf(kept: ReadonlyMap<string, Kept>): number {
  return Math.max(...[...kept.values()].map(({ last }) => last.seq));
}
