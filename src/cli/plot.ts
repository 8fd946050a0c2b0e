/** Curves in a terminal. Pure. */
import { plot } from 'simple-ascii-chart';
import { numberText } from './numbers.ts';
import type { Style } from './terminal.ts';

export type Curve = { label: string; points: readonly (readonly [x: number, y: number])[] };
type Point = [x: number, y: number];
export type Frame = { columns: number; rows: number; color: boolean };

/** Of curves, in turn: as the plot names them, and as the rest of the command line does. */
const colors = [
  ['ansiCyan', 'cyan'],
  ['ansiYellow', 'yellow'],
  ['ansiGreen', 'green'],
  ['ansiRed', 'red'],
] as const;
const letters = 'abcdefghijklmnopqrstuvwxyz';
const yTicks = 5;
const xTicks = 4;

/** Lines that fit into the frame; each curve in its colour, or without colours in a letter of its own. */
export function plotLines(title: string, curves: readonly Curve[], frame: Frame): string[] {
  const finite = curves.map(({ points }) => points.filter(isFinitePoint));
  if (finite.flat().length === 0) return [title, '  no numbers to draw'];
  const [minX, maxX] = bounds(finite.flat().map(([x]) => x));
  const roughly = Math.max(16, frame.columns - 12);
  const [minY, maxY] = bounds(
    finite.flatMap((points) => inColumns(points, minX, maxX, roughly)).map(([, y]) => y),
  );
  const y = ticks(minY, maxY, yTicks);
  const x = ticks(minX, maxX, xTicks);
  const margin = Math.max(0, ...y.map((tick) => numberText(tick).length)) + 4;
  const width = Math.max(16, frame.columns - margin - 2);
  const height = Math.max(5, frame.rows - 5 - curves.length);
  const series = finite.map((points) => inColumns(points, minX, maxX, width));
  const text = plot(series, {
    width,
    height,
    yRange: [minY, maxY],
    customXAxisTicks: x,
    customYAxisTicks: y,
    formatter: (value) => numberText(value),
    ...(frame.color
      ? { color: curves.map((_, index) => colorAt(index)[0]) }
      : {
          lineFormatter: ({ plotX, plotY, x, y, index }) => ({
            x: plotX,
            y: plotY,
            symbol: letterOf(curveAt(series, index, x, y)),
          }),
        }),
  });
  const drawn = text.split('\n').map((line) => line.trimEnd());
  return [title, ...drawn.filter((line) => line !== '')];
}

export function letterOf(index: number): string {
  return letters[index % letters.length] ?? '*';
}

/** The colour of a curve. */
export function colorStyle(index: number): Style {
  return colorAt(index)[1];
}

function colorAt(index: number): (typeof colors)[number] {
  return colors[index % colors.length] ?? colors[0];
}

/** Which curve a point is of: the plot does not say. */
function curveAt(series: readonly Point[][], index: number, x: number, y: number): number {
  return series.findIndex((points) => points[index]?.[0] === x && points[index]?.[1] === y);
}

/** The mean of each column: more points than columns would be drawn over each other. */
function inColumns(points: Curve['points'], minX: number, maxX: number, width: number): Point[] {
  const sums = new Map<number, { x: number; y: number; n: number }>();
  for (const [x, y] of points) {
    const column = maxX === minX ? 0 : Math.floor(((x - minX) / (maxX - minX)) * (width - 1));
    const sum = sums.get(column) ?? { x: 0, y: 0, n: 0 };
    sums.set(column, { x: sum.x + x, y: sum.y + y, n: sum.n + 1 });
  }
  return [...sums.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, { x, y, n }]): Point => [x / n, y / n]);
}

/** Round numbers across a range, at most about so many. */
function ticks(min: number, max: number, about: number): number[] {
  if (max === min) return [min];
  const raw = (max - min) / about;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * magnitude).find((n) => n >= raw) ?? raw;
  const first = Math.ceil(min / step) * step;
  const found: number[] = [];
  for (let tick = first; tick <= max; tick = first + found.length * step)
    found.push(Number(tick.toPrecision(12)));
  return found;
}

function bounds(values: readonly number[]): [number, number] {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max];
}

function isFinitePoint([x, y]: readonly [number, number]): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}
