/** The points of one metric as they come, and what a plot takes of them. Pure. */
import type { MetricBatch, MetricPoint } from '../data/types.ts';

export type Points = {
  seqs: number[];
  /** NaN where the source has none. */
  steps: number[];
  /** Milliseconds since the epoch. */
  walls: number[];
  /** NaN and infinities as they are. */
  values: number[];
  /** Points a range, where the history is thinned; 0: all of them are here. */
  width: number;
  /** How many points those here stand for. */
  there: number;
  /** Numbers of points that are not there any more. */
  missing: number;
};

export function noPoints(): Points {
  return { seqs: [], steps: [], walls: [], values: [], width: 0, there: 0, missing: 0 };
}

export function numberOf(value: MetricPoint['value']): number {
  return typeof value === 'number' ? value : Number(value);
}

/** What is there already is left out, so that a stream that begins anew adds nothing twice. */
export function addBatch(
  points: Points,
  batch: Pick<MetricBatch, 'points' | 'gaps' | 'thinned'>,
): void {
  const last = points.seqs.at(-1) ?? 0;
  const before = points.seqs.length;
  for (const point of batch.points) {
    if (point.seq <= last) continue;
    points.seqs.push(point.seq);
    points.steps.push(point.step === '' ? Number.NaN : Number(point.step));
    points.walls.push(Date.parse(point.wall));
    points.values.push(numberOf(point.value));
  }
  points.width = Math.max(points.width, batch.thinned?.width ?? 0);
  points.there += batch.thinned?.points ?? points.seqs.length - before;
  for (const gap of batch.gaps) points.missing += gap.last_seq - gap.first_seq + 1;
}

export type Axis = 'step' | 'wall';

/** By which the points can be laid out: without steps their numbers stand in. */
export function xOf(points: Points, index: number, axis: Axis): number {
  if (axis === 'wall') return (points.walls[index] ?? 0) / 1000;
  const step = points.steps[index] ?? Number.NaN;
  return Number.isNaN(step) ? (points.seqs[index] ?? 0) : step;
}

export type Plotted = {
  xs: number[];
  /** Null where a value is no number. */
  raw: (number | null)[];
  smooth: (number | null)[];
  /** Where values begin to be NaN or infinite, and what they are. */
  breaks: { x: number; text: string }[];
};

/** `weight`: of what came before, from 0 on; debiased, so that the first points are not drawn to zero. */
export function plotted(points: Points, axis: Axis, weight: number): Plotted {
  const order = points.seqs.map((_, index) => index);
  const xs = order.map((index) => xOf(points, index, axis));
  // A trainer may count its steps from the beginning again.
  if (xs.some((x, index) => index > 0 && x < (xs[index - 1] ?? x))) {
    order.sort((a, b) => (xs[a] ?? 0) - (xs[b] ?? 0));
  }
  const found: Plotted = { xs: [], raw: [], smooth: [], breaks: [] };
  let [mean, norm, wasBroken] = [0, 0, false];
  for (const index of order) {
    const x = xs[index] ?? 0;
    const value = points.values[index] ?? Number.NaN;
    const isNumber = Number.isFinite(value);
    found.xs.push(x);
    found.raw.push(isNumber ? value : null);
    if (isNumber) {
      mean = weight * mean + (1 - weight) * value;
      norm = weight * norm + (1 - weight);
    } else if (!wasBroken) found.breaks.push({ x, text: String(value) });
    wasBroken = !isNumber;
    found.smooth.push(isNumber ? mean / norm : null);
  }
  return found;
}

/** Index of the last point that was there at `wall`, in milliseconds; -1 before the first one. */
export function indexAt(points: Points, wall: number): number {
  let [low, high] = [0, points.walls.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points.walls[middle] ?? 0) <= wall) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** `0.0123`, `204`, `1.2e+9`. */
export function valueText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(3);
  return Number(value.toPrecision(5)).toLocaleString('en', { maximumFractionDigits: 6 });
}

/** What is drawn of one run or of many, and what is not. */
export function drawnText(all: readonly Points[]): { text: string; title: string } {
  const count = (pick: (points: Points) => number): number =>
    all.reduce((sum, points) => sum + pick(points), 0);
  const shown = count(({ seqs }) => seqs.length);
  const missing = count((points) => points.missing);
  const gone = missing === 0 ? '' : `, ${missing.toLocaleString('en')} lost`;
  const thinned = all.filter(({ width, there, seqs }) => width > 1 && there > seqs.length);
  if (thinned.length === 0) {
    const points = shown === 1 ? 'point' : 'points';
    return {
      text: `${shown.toLocaleString('en')} ${points}${gone}`,
      title: 'every point is drawn',
    };
  }
  const there = count((points) => points.there);
  const whose = all.length === 1 ? '' : ` (${thinned.length} of ${all.length} runs)`;
  return {
    text: `thinned: ${shown.toLocaleString('en')} of ${there.toLocaleString('en')}${gone}`,
    title: `of each range of a long history the least, the greatest and the last point are drawn${whose}`,
  };
}
