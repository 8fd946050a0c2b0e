import { useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import { follow } from './axes.ts';
import type { Look } from './look.tsx';
import { createPlot, type Plot } from './plot.ts';
import { drawnText, indexAt, plotted, valueText, xOf } from './points.ts';
import { usePoints } from './use-points.ts';

const heightPx = 132;

/** One metric of one run. */
export function Curve(props: {
  run: string;
  attempt: number;
  name: string;
  look: Look;
  /** Milliseconds since the epoch; null: now. */
  at: number | null;
  onAt(at: number): void;
  onRemove(): void;
}) {
  const { run, attempt, name, look, at, onAt, onRemove } = props;
  const { axis, isLog, weight } = look;
  const { points, version, error } = usePoints(run, attempt, name);
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
    const end = follow(box, heightPx, made);
    return () => {
      end();
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
  const drawn = drawnText([points]);
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
      {error === '' ? null : <p className="trouble">No more points come: {error}</p>}
      <div ref={place} className="plot" />
    </figure>
  );
}
