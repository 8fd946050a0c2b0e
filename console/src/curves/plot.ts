/** One plot of uPlot: a faint line as measured, a dark one smoothed, and a hair where the page's moment is. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { axesOf, coloursOf, fitting } from './axes.ts';
import type { Axis, Plotted } from './points.ts';

export type Plot = {
  draw(plotted: Plotted, x: number | null): void;
  size(width: number, height: number): void;
  /** After a change of colours. */
  repaint(): void;
  destroy(): void;
};

export function createPlot(options: {
  place: HTMLElement;
  axis: Axis;
  isLog: boolean;
  isSmooth: boolean;
  width: number;
  height: number;
  /** A press at an x of the axis. */
  onPress(x: number): void;
}): Plot {
  const { place, axis, isLog, isSmooth, width, height, onPress } = options;
  const colour = coloursOf(place);
  let hair: number | null = null;
  let breaks: Plotted['breaks'] = [];
  const line = (u: uPlot, x: number, style: string, dash: number[]): number => {
    const at = Math.round(u.valToPos(x, 'x', true));
    const { ctx, bbox } = u;
    ctx.save();
    ctx.strokeStyle = colour(style);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash(dash);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
    return at;
  };
  const marks = (u: uPlot): void => {
    const { ctx, bbox } = u;
    const { min = 0, max = 0 } = u.scales.x ?? {};
    for (const { x, text } of breaks) {
      if (x < (min ?? 0) || x > (max ?? 0)) continue;
      const at = line(u, x, '--state-failed', [3 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.save();
      ctx.fillStyle = colour('--state-failed');
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      const isLate = at > bbox.left + bbox.width * 0.8;
      ctx.textAlign = isLate ? 'right' : 'left';
      ctx.fillText(
        `✗ ${text}`,
        at + (isLate ? -4 : 4) * devicePixelRatio,
        bbox.top + 12 * devicePixelRatio,
      );
      ctx.restore();
    }
    if (hair !== null) line(u, hair, '--ink', []);
  };
  const plot = new uPlot(
    {
      width,
      height,
      legend: { show: false },
      // A drag zooms, a double click shows all again.
      cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false }, sync: { key: 'run' } },
      scales: { x: { time: axis === 'wall' }, y: { distr: isLog ? 3 : 1 } },
      axes: axesOf(colour, axis, isLog),
      series: [
        {},
        {
          stroke: () => colour(isSmooth ? '--faint' : '--ink'),
          width: isSmooth ? 1 : 1.4,
          points: { show: (u) => u.data[0].length < 3, size: 5 },
        },
        { stroke: () => colour('--ink'), width: 1.6, points: { show: false }, show: isSmooth },
      ],
      hooks: { draw: [marks] },
    },
    [[], [], []],
    place,
  );
  let downAt = 0;
  plot.over.addEventListener('pointerdown', (event) => {
    downAt = event.clientX;
  });
  plot.over.addEventListener('click', (event) => {
    const { left } = plot.over.getBoundingClientRect();
    // The end of a drag is no press.
    if (Math.abs(event.clientX - downAt) < 4) onPress(plot.posToVal(event.clientX - left, 'x'));
  });
  return {
    draw(next, x) {
      hair = x;
      breaks = next.breaks;
      plot.setData([next.xs, fitting(next.raw, isLog), fitting(next.smooth, isLog)]);
    },
    size: (w, h) => plot.setSize({ width: w, height: h }),
    repaint: () => plot.redraw(false, true),
    destroy: () => plot.destroy(),
  };
}
