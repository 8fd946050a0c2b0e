/** A laid out chart as SVG: readable by itself, light and dark, and addressable by whoever lights it up. */
import type { ChartLayout, PlacedDot, PlacedEdge, PlacedNode } from './layout.ts';
import { linesOf } from './layout.ts';
import { style } from './style.ts';

/** As an event of a run tells it. */
export type ChartStep = { readonly event: string; readonly from: string; readonly to: string };
export type Lighting = {
  /** The state that something is in now. */
  readonly active?: string;
  /** A number for each state, such as how many runs are in it. */
  readonly counts?: Readonly<Record<string, number>>;
  /** What was gone through, one leaf state after the other. Ways that were not taken are faint then. */
  readonly steps?: readonly ChartStep[];
};

/**
 * Every state is a `g` with `data-state`, every way one with `data-from`, `data-to` and `data-events`. The
 * colours are custom properties (`--chart-…`), which follow the viewer's colour scheme unless a page sets them.
 */
export function svgOf(layout: ChartLayout, lighting: Lighting = {}): string {
  const { width, height, name } = layout;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-label="${escaped(name)}: state chart" viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" height="${px(height)}">`,
    `<style>${css}</style>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0.5 L8 4 L0 7.5 Z" class="tip"/></marker></defs>',
    `<rect class="ground" width="${px(width)}" height="${px(height)}"/>`,
    ...layout.nodes.map((node) => state(node, lighting)),
    ...layout.dots.map(dot),
    ...layout.edges.map((edge) => way(edge, lighting)),
    ...layout.edges.map((edge) => label(edge, lighting)),
    '</svg>',
    '',
  ].join('\n');
}

const css = `
.chart{--chart-ground:#fff;--chart-box:#f7f8fa;--chart-inner:#fff;--chart-line:#aab2bd;--chart-text:#1f2933;--chart-quiet:#5b6673;--chart-way:#7b8794;--chart-lit:#1d6fd8;--chart-lit-box:#dcebff;font-family:ui-sans-serif,system-ui,"Segoe UI","DejaVu Sans",sans-serif}
@media(prefers-color-scheme:dark){.chart{--chart-ground:#14181d;--chart-box:#1b2128;--chart-inner:#20272f;--chart-line:#4a5562;--chart-text:#e4e9ee;--chart-quiet:#9aa6b2;--chart-way:#7d8995;--chart-lit:#6aa8ff;--chart-lit-box:#17345c}}
.ground{fill:var(--chart-ground)}
.state rect{fill:var(--chart-inner);stroke:var(--chart-line);stroke-width:1}
.state.compound>rect{fill:var(--chart-box)}
.state.final>rect.in{fill:none}
.state .name{font-size:${style.nameSize}px;font-weight:600;fill:var(--chart-text)}
.state .more,.label text{font-size:${style.smallSize}px;fill:var(--chart-quiet)}
.state .count{font-size:${style.smallSize}px;font-weight:600;fill:var(--chart-lit);text-anchor:end}
.state.active>rect{fill:var(--chart-lit-box);stroke:var(--chart-lit);stroke-width:2}
.way path{fill:none;stroke:var(--chart-way);stroke-width:1.2}
.way.crash path{stroke-dasharray:3 3;stroke-width:1}
.way.taken path{stroke:var(--chart-lit);stroke-width:2}
.label text{paint-order:stroke;stroke:var(--chart-box);stroke-width:3px;stroke-linejoin:round}
.label .event{fill:var(--chart-text)}
.faint{opacity:.35}
.tip,.dot{fill:var(--chart-way)}
`.trim();

function state(node: PlacedNode, { active, counts }: Lighting): string {
  const { id, name, kind, x, y, width, height } = node;
  const isActive = active !== undefined && (active === id || active.startsWith(`${id}.`));
  const classes = ['state', kind, ...(isActive ? ['active'] : [])].join(' ');
  const round = kind === 'final' ? Math.min(height / 2, 14) : style.corner;
  const box = `<rect x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" rx="${px(round)}"/>`;
  const inner =
    kind === 'final'
      ? `<rect class="in" x="${px(x + 3)}" y="${px(y + 3)}" width="${px(width - 6)}" height="${px(height - 6)}" rx="${px(round - 3)}"/>`
      : '';
  const top = y + style.padY + style.nameSize;
  const texts = linesOf(node).map(
    (line, index) =>
      `<text class="more" x="${px(x + style.padX)}" y="${px(top + style.smallLine * (index + 1))}">${escaped(line)}</text>`,
  );
  const count = counts?.[id];
  return [
    `<g class="${classes}" data-state="${escaped(id)}">`,
    `<title>${escaped(id)}</title>`,
    box + inner,
    `<text class="name" x="${px(x + style.padX)}" y="${px(top)}">${escaped(name)}</text>`,
    ...texts,
    count === undefined
      ? ''
      : `<text class="count" x="${px(x + width - style.padX)}" y="${px(top)}">${count}</text>`,
    '</g>',
  ].join('');
}

function dot({ points }: PlacedDot): string {
  const [start] = points;
  if (start === undefined) return '';
  const round = style.dot / 2;
  return `<g class="way initial"><circle class="dot" cx="${px(start.x)}" cy="${px(start.y - round)}" r="${px(round)}"/><path d="${curve(points)}" marker-end="url(#tip)"/></g>`;
}

function classOf(kind: string, edge: PlacedEdge, { steps }: Lighting): string {
  const isTaken = steps?.some((step) => isOf(edge, step)) ?? false;
  const classes = [kind];
  if (edge.labels.length === 0) classes.push('crash');
  if (steps !== undefined) classes.push(isTaken ? 'taken' : 'faint');
  return classes.join(' ');
}

/** A step is told between leaf states, a way is drawn between those that it is written between. */
function isOf({ from, to, labels, crashes }: PlacedEdge, step: ChartStep): boolean {
  const isSaid =
    labels.some(({ event }) => event === step.event) ||
    (crashes.length > 0 && step.event === 'effect.failed');
  return isSaid && isWithin(step.from, from) && isWithin(step.to, to);
}

function isWithin(state: string, around: string): boolean {
  return around === '' || state === around || state.startsWith(`${around}.`);
}

function way(edge: PlacedEdge, lighting: Lighting): string {
  const { from, to, points } = edge;
  const events = edge.labels.map(({ event }) => event).join(' ');
  return `<g class="${classOf('way', edge, lighting)}" data-from="${escaped(from)}" data-to="${escaped(to)}" data-events="${escaped(events)}"><path d="${curve(points)}" marker-end="url(#tip)"/></g>`;
}

function label(edge: PlacedEdge, lighting: Lighting): string {
  if (edge.label === null) return '';
  const { x, y, lines } = edge.label;
  const texts = lines.map((line, index) => {
    const kind = index < edge.labels.length ? 'event' : 'crashed';
    const at = y + style.smallLine * (index + 1) - 4;
    return `<text class="${kind}" x="${px(x + 3)}" y="${px(at)}">${escaped(line)}</text>`;
  });
  return `<g class="${classOf('label', edge, lighting)}">${texts.join('')}</g>`;
}

/** Straight, with rounded corners. */
function curve(points: readonly { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let path = `M${px(first.x)} ${px(first.y)}`;
  let before = first;
  rest.forEach((at, index) => {
    const next = rest[index + 1];
    if (next === undefined) {
      path += ` L${px(at.x)} ${px(at.y)}`;
      return;
    }
    const round = Math.min(6, distance(before, at) / 2, distance(at, next) / 2);
    const enter = towards(at, before, round);
    const leave = towards(at, next, round);
    path += ` L${px(enter.x)} ${px(enter.y)} Q${px(at.x)} ${px(at.y)} ${px(leave.x)} ${px(leave.y)}`;
    before = at;
  });
  return path;
}

type At = { x: number; y: number };

function distance(a: At, b: At): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function towards(from: At, to: At, length: number): At {
  const whole = distance(from, to) || 1;
  const share = length / whole;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

/** A tenth of a pixel is as exact as anybody sees, and keeps the files the same on every machine. */
function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
