/** A run's points as its own files have them. */
import type { MetricBatch, MetricPoint } from '../contracts/index.ts';
import {
  nameMatcher,
  type PointLine,
  pointsAfter,
  pointsName,
  unbroken,
} from '../history/index.ts';

export type PointsWanted = { attempt: number; from: number; key: string; source: string };

/** In ranges without a hole. What is not in the files is told as a gap: the bus may have it. */
export function* pointsOffline(dir: string, wanted: PointsWanted): Generator<MetricBatch> {
  const { attempt, key, source } = wanted;
  const isNamed = nameMatcher(key);
  let next = wanted.from;
  const about = { attempt, thinned: null, snapshot: null, live: false };
  for (const block of pointsAfter(dir, pointsName, { attempt, seq: next })) {
    for (const lines of unbroken(block)) {
      const [first, last] = [lines[0]?.seq ?? next, lines.at(-1)?.seq ?? next];
      if (first > next) {
        const gap = { first_seq: next, last_seq: first - 1, reason: 'bus_away' };
        yield { ...about, first_seq: next, last_seq: first - 1, points: [], gaps: [gap] };
      }
      next = last + 1;
      const points = lines
        .filter((line) => isNamed(line.key) && (source === '' || line.source === source))
        .map(toPoint);
      yield { ...about, first_seq: first, last_seq: last, points, gaps: [] };
    }
  }
}

function toPoint({ seq, key, step, wall, value, source, id }: PointLine): MetricPoint {
  const at = step === null ? '' : String(step);
  return { seq, key, step: at, wall, value: Number(value), source, id };
}
