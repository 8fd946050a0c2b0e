/** What all plots have in common: colours of the page, axes, and that they follow size and scheme. */
import type uPlot from 'uplot';
import { exact } from '../ui/marks.tsx';
import { type Axis, valueText } from './points.ts';

/** The value of a colour of the page, by its name in the style. */
export function coloursOf(place: HTMLElement): (name: string) => string {
  return (name) => getComputedStyle(place).getPropertyValue(name).trim();
}

export function axesOf(colour: (name: string) => string, axis: Axis, isLog: boolean): uPlot.Axis[] {
  const grid = { stroke: () => colour('--line'), width: 1 };
  const look = {
    stroke: () => colour('--quiet'),
    ticks: { show: false },
    font: '11px system-ui, "DejaVu Sans", sans-serif',
  };
  return [
    { ...look, grid, size: 24, gap: 3, ...(axis === 'wall' ? { values: clocks } : {}) },
    {
      ...look,
      grid: { ...grid, ...(isLog ? { filter: powers } : {}) },
      size: 54,
      gap: 4,
      values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : valueText(tick))),
    },
  ];
}

/** Of ticks in seconds: `20:51`, with seconds where they are nearer than a minute. */
function clocks(_: uPlot, ticks: number[]): string[] {
  const isFine = (ticks[1] ?? 0) - (ticks[0] ?? 0) < 60;
  return ticks.map((tick) => exact(tick * 1000).slice(11, isFine ? 19 : 16));
}

/** Lines for powers of ten alone: all others of a logarithmic axis are a thicket. */
function powers(_: uPlot, ticks: number[]): (number | null)[] {
  return ticks.map((tick) => (Number.isInteger(Math.log10(tick)) ? tick : null));
}

/** No logarithm has a value of what is not above zero. */
export function fitting(ys: readonly (number | null)[], isLog: boolean): (number | null)[] {
  return isLog ? ys.map((y) => (y !== null && y > 0 ? y : null)) : [...ys];
}

/** A plot as wide as its place, painted anew when the colours change. Returns the end of that. */
export function follow(
  place: HTMLElement,
  heightPx: number,
  plot: { size(width: number, height: number): void; repaint(): void },
): () => void {
  const watcher = new ResizeObserver(() => plot.size(place.clientWidth, heightPx));
  watcher.observe(place);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const theme = new MutationObserver(plot.repaint);
  theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  scheme.addEventListener('change', plot.repaint);
  return () => {
    watcher.disconnect();
    theme.disconnect();
    scheme.removeEventListener('change', plot.repaint);
  };
}
