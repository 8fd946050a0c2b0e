/** A chart of the daemon in the page: its SVG, and what lights up in it. It is laid out once and never moves. */
import { askText, urlOf } from '../data/api.ts';

export type ChartName = 'run' | 'run-overview' | 'daemon' | 'worker';
/** A way that was taken: between leaf states, as events tell it. */
export type Step = { event: string; from: string; to: string };
export type Lit = {
  /** Where something is. */
  active?: string;
  /** Gives the colour of where it is. */
  status?: string;
  /** Ways that were taken so far, with how often; ways are faint then unless taken, or possible from where it is. */
  steps?: readonly (Step & { times: number })[];
  /** Words below states, by state of the run. */
  notes?: ReadonlyMap<string, string>;
  /** The one that was chosen. */
  picked?: string;
  /** Numbers on states. */
  counts?: ReadonlyMap<string, number>;
};

const texts = new Map<ChartName, Promise<string>>();

/** A fresh copy for one place in the page. Throws ApiError. */
export async function drawingOf(name: ChartName): Promise<SVGSVGElement> {
  let text = texts.get(name);
  if (text === undefined) {
    text = askText(urlOf('/api/charts/:name', { params: { name } }));
    texts.set(name, text);
    text.catch(() => texts.delete(name));
  }
  const parsed = new DOMParser().parseFromString(await text, 'image/svg+xml');
  const svg = document.importNode(parsed.documentElement, true) as unknown as SVGSVGElement;
  // Its style is for a file of its own; in the page it is to reach nothing else.
  const style = svg.querySelector('style');
  if (style !== null) style.textContent = `.chart-view{${style.textContent}}`;
  // A thick way keeps its tip as it is.
  const tip = svg.querySelector('marker');
  tip?.setAttribute('markerUnits', 'userSpaceOnUse');
  tip?.setAttribute('markerWidth', '8.5');
  tip?.setAttribute('markerHeight', '8.5');
  svg.setAttribute('role', 'group');
  svg.querySelectorAll('title').forEach((title) => {
    title.remove();
  });
  return crop(svg);
}

/** The box of the machine itself says nothing here. */
function crop(svg: SVGSVGElement): SVGSVGElement {
  const whole = svg.querySelector('[data-state=""] > rect');
  svg.querySelector('[data-state=""]')?.remove();
  svg.querySelector('.ground')?.remove();
  if (whole === null) return svg;
  const at = (name: string): number => Number(whole.getAttribute(name));
  const top = 26;
  const box = [at('x') + 4, at('y') + top, at('width') - 8, at('height') - top];
  svg.setAttribute('viewBox', box.join(' '));
  svg.setAttribute('width', String(box[2]));
  svg.setAttribute('height', String(box[3]));
  return svg;
}

export function statesOf(svg: SVGSVGElement): SVGGElement[] {
  return [...svg.querySelectorAll<SVGGElement>('[data-state]')];
}

function isWithin(state: string, around: string): boolean {
  return state === around || state.startsWith(`${around}.`);
}

export function light(svg: SVGSVGElement, lit: Lit): void {
  const { active = '', status = '', picked, steps, notes, counts } = lit;
  svg.dataset.status = status;
  for (const state of statesOf(svg)) {
    const id = state.dataset.state ?? '';
    const isVisited =
      steps === undefined || steps.some(({ from, to }) => isWithin(from, id) || isWithin(to, id));
    state.classList.toggle('active', active !== '' && isWithin(active, id));
    state.classList.toggle('picked', id === picked);
    if (picked !== undefined) state.setAttribute('aria-pressed', String(id === picked));
    const isEmpty = counts !== undefined && (counts.get(id) ?? 0) === 0;
    state.classList.toggle('faint', isEmpty || (!isVisited && !isWithin(active, id)));
  }
  for (const way of svg.querySelectorAll<SVGGElement>('.way[data-from]')) {
    const { from = '', to = '', events = '' } = way.dataset;
    const names = events.split(' ');
    const taken = (steps ?? [])
      .filter(
        (step) => names.includes(step.event) && isWithin(step.from, from) && isWithin(step.to, to),
      )
      .reduce((sum, { times }) => sum + times, 0);
    way.classList.toggle('taken', taken > 0);
    const isNext = active !== '' && isWithin(active, from);
    way.classList.toggle('faint', steps !== undefined && taken === 0 && !isNext);
    const width = taken === 0 ? '' : `${Math.min(6, 1.8 + Math.log2(taken))}`;
    if (way.style.getPropertyValue('--way-width') !== width)
      way.style.setProperty('--way-width', width);
    const isSaid = taken > 1;
    mark(svg, way, 'times', isSaid ? `${taken}×` : '', isSaid ? middleOf(way) : nowhere);
  }
  for (const state of statesOf(svg)) {
    const id = state.dataset.state ?? '';
    const box = boxOf(state);
    const below = { x: box.x + box.width / 2, y: box.y + box.height + 12 };
    mark(svg, state, 'said', notes?.get(id) ?? '', below);
    const count = counts?.get(id);
    const corner = { x: box.x + box.width - 2, y: box.y + 4 };
    mark(svg, state, 'count-mark', count === undefined ? '' : ` ${count}`, corner);
  }
}

type At = { x: number; y: number };

function boxOf(state: SVGGElement): At & { width: number; height: number } {
  const rect = state.querySelector('rect');
  const at = (name: string): number => Number(rect?.getAttribute(name) ?? 0);
  return { x: at('x'), y: at('y'), width: at('width'), height: at('height') };
}

/** Measuring a path costs more than all the rest, and none ever moves. */
const middles = new WeakMap<SVGGElement, At>();

function middleOf(way: SVGGElement): At {
  const known = middles.get(way);
  if (known !== undefined) return known;
  const path = way.querySelector('path');
  if (path === null) return nowhere;
  const { x, y } = path.getPointAtLength(path.getTotalLength() / 2);
  const at = { x, y: y - 4 };
  middles.set(way, at);
  return at;
}

/** One text of a kind for each part; none when there is nothing to say. */
const nowhere: At = { x: 0, y: 0 };

function mark(svg: SVGSVGElement, part: SVGGElement, kind: string, text: string, at: At): void {
  const before = part.querySelector<SVGTextElement>(`text.${kind}`);
  if (text === '') {
    before?.remove();
    return;
  }
  if (before !== null) {
    if (before.textContent !== text) before.textContent = text;
    return;
  }
  const element = document.createElementNS(svg.namespaceURI ?? '', 'text');
  element.setAttribute('class', kind);
  element.setAttribute('x', String(at.x));
  element.setAttribute('y', String(at.y));
  element.textContent = text;
  part.append(element);
}
