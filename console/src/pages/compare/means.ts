/** Curves of runs that differ in their seed alone, put together: mean and deviation at each place. Pure. */

export type Line = { xs: readonly number[]; ys: readonly (number | null)[] };
export type Mean = {
  xs: number[];
  mean: (number | null)[];
  /** Mean less and plus the deviation of a sample; null where there is one value alone. */
  low: (number | null)[];
  high: (number | null)[];
};

const places = 240;

/**
 * `lines` ascend in x. Values between two points are taken from the line between them; beyond its own ends a line
 * has none, so that the mean at a place is that of the lines that got there.
 */
export function meanOf(lines: readonly Line[]): Mean {
  const known = lines.map(({ xs, ys }) => {
    const at = xs.map((_, index) => index).filter((index) => ys[index] !== null);
    return { xs: at.map((index) => xs[index] ?? 0), ys: at.map((index) => ys[index] ?? 0) };
  });
  const found: Mean = { xs: gridOf(known.map(({ xs }) => xs)), mean: [], low: [], high: [] };
  for (const x of found.xs) {
    const values = known.map((line) => valueAt(line, x)).filter((value) => value !== null);
    const { mean, std } = overSeeds(values);
    found.mean.push(orNull(mean));
    found.low.push(orNull(mean - std));
    found.high.push(orNull(mean + std));
  }
  return found;
}

/** The places themselves where they are few and shared, else so many between the first and the last. */
function gridOf(all: readonly (readonly number[])[]): number[] {
  const distinct = [...new Set(all.flat())].sort((a, b) => a - b);
  const [first, last] = [distinct[0], distinct.at(-1)];
  if (distinct.length <= places || first === undefined || last === undefined) return distinct;
  return Array.from({ length: places }, (_, n) => first + ((last - first) * n) / (places - 1));
}

function valueAt({ xs, ys }: { xs: number[]; ys: number[] }, x: number): number | null {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((xs[middle] ?? 0) < x) low = middle + 1;
    else high = middle;
  }
  const [after, y] = [xs[low], ys[low]];
  if (after === undefined || y === undefined) return null;
  if (after === x) return y;
  const [before, from] = [xs[low - 1], ys[low - 1]];
  if (before === undefined || from === undefined) return null;
  return from + ((y - from) * (x - before)) / (after - before);
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** Mean and deviation of a sample of what there is; NaN for nothing, and for the deviation of one. */
export function overSeeds(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: values.length < 2 ? Number.NaN : Math.sqrt(squares / (values.length - 1)) };
}
