/** One metric of all compared runs: a line each, or mean and band of those that differ in their seed alone. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { follow } from '../../curves/axes.ts';
import type { Look } from '../../curves/look.tsx';
import { createManyPlot, type Line, type ManyPlot } from '../../curves/many-plot.ts';
import { drawnText, type Points, plotted, valueText } from '../../curves/points.ts';
import type { RunSummary } from '../../data/types.ts';
import type { Cell, Member } from './cells.ts';
import { meanOf } from './means.ts';
import { useManyPoints } from './use-compared.ts';

const heightPx = 236;

export function ManyCurves(props: {
  runs: readonly RunSummary[];
  members: readonly Member[];
  /** With them means are drawn in place of the members. */
  cells: readonly Cell[];
  name: string;
  look: Look;
  picked: string;
  onPick(id: string): void;
  onRemove(): void;
}) {
  const { runs, members, cells, name, look, picked, onPick, onRemove } = props;
  const { axis, isLog } = look;
  const { of } = useManyPoints(runs, name);
  const [hovered, setHovered] = useState({ id: '', text: '' });
  const { lines, breaks } = useMemo(
    () => (cells.length > 0 ? meanLines(cells, of, look) : runLines(members, of, look)),
    [cells, members, of, look],
  );
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<ManyPlot | null>(null);
  const last = useRef(lines);
  last.current = lines;
  const hover = useRef<(id: string, x: number | null, y: number | null) => void>(() => undefined);
  const titles = new Map<string, string>([
    ...members.map(
      ({ run, letter }) => [run.run_id, `${letter} ${run.name || run.run_id}`] as const,
    ),
    ...cells.map((cell) => [cell.id, `${cell.letter} ${cellText(cell)}`] as const),
  ]);
  hover.current = (id, x, y) => {
    const at = x === null ? '' : axis === 'step' ? `at step ${x.toLocaleString('en')}` : '';
    const text = id === '' || y === null ? '' : `${titles.get(id) ?? ''}: ${valueText(y)} ${at}`;
    setHovered({ id, text });
  };
  const shape = lines.map(({ id, label, isFaint }) => `${id} ${label} ${isFaint}`).join('\n');
  // biome-ignore lint/correctness/useExhaustiveDependencies: lines of another shape are another plot
  useLayoutEffect(() => {
    const box = place.current;
    // A plot without a line has no axes.
    if (box === null || last.current.length === 0) return;
    const made = createManyPlot({
      place: box,
      axis,
      isLog,
      width: box.clientWidth,
      height: heightPx,
      lines: last.current,
      onHover: (id, x, y) => hover.current(id, x, y),
    });
    plot.current = made;
    const end = follow(box, heightPx, made);
    return () => {
      end();
      plot.current = null;
      made.destroy();
    };
  }, [axis, isLog, shape]);
  const lit = hovered.id || picked;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a plot that was made anew is drawn into
  useEffect(() => plot.current?.draw(lines, breaks, lit), [lines, breaks, lit, axis, isLog, shape]);
  const drawn = drawnText([...of.values()]);
  return (
    <figure className="many-curves" aria-label={`curves of ${name}`}>
      <figcaption className="row">
        <strong className="cut">{name}</strong>
        <span className="cut">{hovered.text}</span>
        <span className="push" />
        <span className="quiet" title={drawn.title}>
          {drawn.text}
        </span>
        <button
          type="button"
          className="id"
          aria-label={`remove the curves of ${name}`}
          onClick={onRemove}
        >
          ×
        </button>
      </figcaption>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the rows of the table pick by keys */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the rows of the table pick by keys */}
      <div ref={place} className="plot" onClick={() => hovered.id !== '' && onPick(hovered.id)} />
    </figure>
  );
}

export function cellText({ params, members }: Cell): string {
  const text = Object.entries(params)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
  return text || `${members.length} seeds`;
}

type Drawn = { lines: Line[]; breaks: { x: number; text: string }[] };

function runLines(
  members: readonly Member[],
  of: ReadonlyMap<string, Points>,
  { axis, weight }: Look,
): Drawn {
  const breaks: Drawn['breaks'] = [];
  const faint: Line[] = [];
  const dark: Line[] = [];
  members.forEach(({ run, letter }, place) => {
    const points = of.get(run.run_id);
    if (points === undefined || points.seqs.length === 0) return;
    const { xs, raw, smooth, breaks: own } = plotted(points, axis, weight);
    breaks.push(...own.map(({ x, text }) => ({ x, text: `${letter} ${text}` })));
    const line = { id: run.run_id, xs, place, isBand: false };
    if (weight > 0) faint.push({ ...line, label: '', ys: raw, isFaint: true });
    dark.push({ ...line, label: letter, ys: weight > 0 ? smooth : raw, isFaint: false });
  });
  return { lines: [...faint, ...dark], breaks };
}

function meanLines(
  cells: readonly Cell[],
  of: ReadonlyMap<string, Points>,
  { axis, weight }: Look,
): Drawn {
  const breaks: Drawn['breaks'] = [];
  const faint: Line[] = [];
  const dark: Line[] = [];
  cells.forEach(({ id, letter, members }, place) => {
    const lines = members.flatMap(({ run }) => {
      const points = of.get(run.run_id);
      return points === undefined || points.seqs.length === 0
        ? []
        : [plotted(points, axis, weight)];
    });
    if (lines.length === 0) return;
    for (const { breaks: own } of lines)
      breaks.push(...own.map(({ x, text }) => ({ x, text: `${letter} ${text}` })));
    // Steps can be told together; by time each run begins where it began.
    const base = axis === 'wall' ? lines.map(({ xs }) => xs[0] ?? 0) : lines.map(() => 0);
    const start = axis === 'wall' ? Math.min(...base) : 0;
    const laid = lines.map(({ xs, raw, smooth }, at) => ({
      xs: xs.map((x) => x - (base[at] ?? 0) + start),
      ys: weight > 0 ? smooth : raw,
    }));
    const { xs, mean, low, high } = meanOf(laid);
    const line = { id, xs, place };
    if (weight > 0) {
      const raw = lines.map((each, at) => ({ xs: laid[at]?.xs ?? [], ys: each.raw }));
      const asMeasured = meanOf(raw);
      faint.push({
        id,
        place,
        xs: asMeasured.xs,
        ys: asMeasured.mean,
        label: '',
        isFaint: true,
        isBand: false,
      });
    }
    dark.push({ ...line, ys: high, label: '', isFaint: false, isBand: true });
    dark.push({ ...line, ys: low, label: '', isFaint: false, isBand: false });
    dark.push({ ...line, ys: mean, label: letter, isFaint: false, isBand: false });
  });
  return { lines: [...faint, ...dark], breaks };
}
