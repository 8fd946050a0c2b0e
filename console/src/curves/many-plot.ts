/** One plot of uPlot with lines of many runs: told apart by their patterns and a letter at their ends. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { axesOf, coloursOf, fitting } from './axes.ts';
import type { Axis } from './points.ts';

export type Line = {
  /** Several lines of one id light up together. */
  id: string;
  /** At its end; empty for none. */
  label: string;
  xs: readonly number[];
  ys: readonly (number | null)[];
  /** As measured, below a smoothed one. */
  isFaint: boolean;
  /** Which pattern it has. */
  place: number;
  /** Between this and the next line there is a band. */
  isBand: boolean;
};
export type Break = { x: number; text: string };

export type ManyPlot = {
  draw(lines: readonly Line[], breaks: readonly Break[], picked: string): void;
  size(width: number, height: number): void;
  repaint(): void;
  destroy(): void;
};

const patterns = [[], [7, 3], [2, 2.5], [9, 3, 2, 3]] as const;
const lineApart = 12;

/** `lines` say how many there will be and of which kind: with others a new plot is made. */
export function createManyPlot(options: {
  place: HTMLElement;
  axis: Axis;
  isLog: boolean;
  width: number;
  height: number;
  lines: readonly Line[];
  /** The id of the line below the pointer, and its value there; empty for none. */
  onHover(id: string, x: number | null, y: number | null): void;
}): ManyPlot {
  const { place, axis, isLog, width, height, onHover } = options;
  const colour = coloursOf(place);
  let lines = options.lines;
  let breaks: readonly Break[] = [];
  let picked = '';
  const strokeOf = (line: Line): string => {
    if (line.isFaint) return colour('--faint');
    if (picked !== '') return colour(line.id === picked ? '--ink' : '--faint');
    return colour(line.place % 8 < patterns.length ? '--ink' : '--line-strong');
  };
  const marks = (u: uPlot): void => {
    const { ctx, bbox } = u;
    const px = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * px}px system-ui, sans-serif`;
    ctx.textBaseline = 'middle';
    const { min = 0, max = 0 } = u.scales.x ?? {};
    for (const { x, text } of breaks) {
      if (x < (min ?? 0) || x > (max ?? 0)) continue;
      const at = u.valToPos(x, 'x', true);
      ctx.fillStyle = colour('--state-failed');
      ctx.fillRect(Math.round(at), bbox.top, px, bbox.height);
      ctx.textAlign = at > bbox.left + bbox.width * 0.8 ? 'right' : 'left';
      ctx.fillText(`✗ ${text}`, at + (ctx.textAlign === 'right' ? -4 : 4) * px, bbox.top + 8 * px);
    }
    ctx.textAlign = 'left';
    for (const { line, x, y } of apart(endsOf(u, lines), lineApart * px, bbox.top + bbox.height)) {
      ctx.fillStyle = picked === '' || line.id === picked ? colour('--ink') : colour('--quiet');
      ctx.fillText(line.label, Math.min(x, bbox.left + bbox.width) + 5 * px, y);
    }
    ctx.restore();
  };
  const series = options.lines.map((_, index): uPlot.Series => {
    const line = (): Line => lines[index] ?? (options.lines[index] as Line);
    const { isFaint, label, place: at } = line();
    return {
      stroke: () => (label === '' && !isFaint ? 'transparent' : strokeOf(line())),
      width: isFaint ? 1 : 1.5,
      dash: isFaint ? [] : [...(patterns[at % patterns.length] ?? [])],
      points: { show: false },
      spanGaps: true,
    };
  });
  const bands = options.lines.flatMap(({ isBand }, index): uPlot.Band[] =>
    isBand
      ? [
          {
            series: [index + 1, index + 2],
            fill: () => `color-mix(in srgb, ${colour('--ink')} 20%, transparent)`,
          },
        ]
      : [],
  );
  const plot = new uPlot(
    {
      width,
      height,
      legend: { show: false },
      padding: [null, 40, null, null],
      cursor: {
        y: false,
        points: { size: 6 },
        focus: { prox: 24 },
        drag: { x: true, y: false },
        sync: { key: 'compare' },
      },
      focus: { alpha: 1 },
      scales: { x: { time: axis === 'wall' }, y: { distr: isLog ? 3 : 1 } },
      axes: axesOf(colour, axis, isLog),
      series: [{}, ...series],
      bands,
      hooks: {
        draw: [marks],
        setSeries: [
          (u, index) => {
            const line = index === null ? undefined : lines[index - 1];
            const at = index === null ? undefined : u.cursor.idxs?.[index];
            const [x, y] = [u.data[0][at ?? -1] ?? null, u.data[index ?? -1]?.[at ?? -1] ?? null];
            onHover(line?.id ?? '', x, y);
          },
        ],
      },
    },
    dataOf(options.lines, isLog),
    place,
  );
  return {
    draw(next, marked, id) {
      const isSame = lines === next;
      [lines, breaks, picked] = [next, marked, id];
      if (isSame) plot.redraw(false, false);
      else plot.setData(dataOf(lines, isLog));
    },
    size: (w, h) => plot.setSize({ width: w, height: h }),
    repaint: () => plot.redraw(false, true),
    destroy: () => plot.destroy(),
  };
}

/** All on one axis of x: what one line has and another has not is a gap of the other, and drawn across. */
function dataOf(lines: readonly Line[], isLog: boolean): uPlot.AlignedData {
  if (lines.length === 0) return [[]];
  return uPlot.join(lines.map(({ xs, ys }) => [[...xs], fitting(ys, isLog)]));
}

/** Where lines with a label end within the plot, from top to bottom; in pixels of the canvas. */
function endsOf(u: uPlot, lines: readonly Line[]): { line: Line; x: number; y: number }[] {
  const max = u.scales.x?.max ?? Number.POSITIVE_INFINITY;
  const ends = lines.flatMap((line) => {
    if (line.label === '') return [];
    const index = line.ys.findLastIndex((y, at) => y !== null && (line.xs[at] ?? 0) <= max);
    const [x, y] = [line.xs[index], line.ys[index]];
    if (x === undefined || y === null || y === undefined) return [];
    return [{ line, x: u.valToPos(x, 'x', true), y: u.valToPos(y, 'y', true) }];
  });
  return ends.filter(({ y }) => Number.isFinite(y)).sort((a, b) => a.y - b.y);
}

/** Pushed down until none is upon another, and up again from where the plot ends. */
function apart<T extends { y: number }>(ends: readonly T[], by: number, bottom: number): T[] {
  const moved = ends.map((end) => ({ ...end }));
  moved.forEach((end, index) => {
    end.y = Math.max(end.y, (moved[index - 1]?.y ?? Number.NEGATIVE_INFINITY) + by);
  });
  moved.reduceRight((below, end) => {
    end.y = Math.min(end.y, below);
    return end.y - by;
  }, bottom);
  return moved;
}
