import { useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import { createPlot, type Plot } from './plot.ts';
import { type Axis, indexAt, type Points, plotted, valueText, xOf } from './points.ts';
import { usePoints } from './use-points.ts';

const heightPx = 132;

/** One metric of one run. */
export function Curve(props: {
  run: string;
  attempt: number;
  name: string;
  axis: Axis;
  isLog: boolean;
  weight: number;
  /** Milliseconds since the epoch; null: now. */
  at: number | null;
  onAt(at: number): void;
  onRemove(): void;
}) {
  const { run, attempt, name, axis, isLog, weight, at, onAt, onRemove } = props;
  const { points, version } = usePoints(run, attempt, name);
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: points are changed in place; their version tells
  const lines = useMemo(() => plotted(points, axis, weight), [points, version, axis, weight]);
  const isSmooth = weight > 0;
  const press = useRef<(x: number) => void>(() => undefined);
  press.current = (x) => {
    // The nearest point on the axis has its time.
    let best = -1;
    for (let index = 0; index < points.seqs.length; index += 1) {
      const isNearer =
        Math.abs(xOf(points, index, axis) - x) < Math.abs(xOf(points, best, axis) - x);
      if (best === -1 || isNearer) best = index;
    }
    const wall = points.walls[best];
    if (wall !== undefined) onAt(wall);
  };
  useLayoutEffect(() => {
    const box = place.current;
    if (box === null) return;
    const made = createPlot({
      place: box,
      axis,
      isLog,
      isSmooth,
      width: box.clientWidth,
      height: heightPx,
      onPress: (x) => press.current(x),
    });
    plot.current = made;
    const watcher = new ResizeObserver(() => made.size(box.clientWidth, heightPx));
    watcher.observe(box);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const theme = new MutationObserver(made.repaint);
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    scheme.addEventListener('change', made.repaint);
    return () => {
      watcher.disconnect();
      theme.disconnect();
      scheme.removeEventListener('change', made.repaint);
      plot.current = null;
      made.destroy();
    };
  }, [axis, isLog, isSmooth]);
  const index = at === null ? points.seqs.length - 1 : indexAt(points, at);
  const hair = at === null || index < 0 ? null : xOf(points, index, axis);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a plot that was made anew is drawn into
  useEffect(() => plot.current?.draw(lines, hair), [lines, hair, axis, isLog, isSmooth]);
  const step = points.steps[index] ?? Number.NaN;
  const value = points.values[index];
  const drawn = drawnText(points);
  return (
    <figure className="curve" aria-label={`curve of ${name}`}>
      <figcaption className="row">
        <strong className="cut">{name}</strong>
        <span data-testid={`value ${name}`}>{value === undefined ? '–' : valueText(value)}</span>
        {Number.isNaN(step) ? null : (
          <span className="quiet">step {step.toLocaleString('en')}</span>
        )}
        <span className="push" />
        <span className="quiet" title={drawn.title} data-testid={`points ${name}`}>
          {drawn.text}
        </span>
        <button
          type="button"
          className="id"
          aria-label={`remove the curve of ${name}`}
          onClick={onRemove}
        >
          ×
        </button>
      </figcaption>
      <div ref={place} className="plot" />
    </figure>
  );
}

/** What is drawn, and what is not. */
function drawnText({ width, seqs, there, missing }: Points): { text: string; title: string } {
  const gone = missing === 0 ? '' : `, ${missing.toLocaleString('en')} lost`;
  const shown = seqs.length.toLocaleString('en');
  if (width <= 1)
    return {
      text: `${shown} ${seqs.length === 1 ? 'point' : 'points'}${gone}`,
      title: 'every point is drawn',
    };
  const title = `of each ${width} points of the history the least, the greatest and the last one are drawn`;
  return { text: `thinned: ${shown} of ${there.toLocaleString('en')}${gone}`, title };
}
