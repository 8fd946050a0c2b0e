/** The small signs that every page uses: a state, a time, an id, a reason. */
import { useSyncExternalStore } from 'react';
import { duration, glyphs } from '../../../src/units.ts';
import { note } from './notes.tsx';

export function glyphOf(status: string): string {
  return (glyphs as Record<string, string>)[status] ?? '?';
}

/** `● running`, never the colour alone. */
export function State({ status, text = status }: { status: string; text?: string }) {
  return (
    <span className="state" data-status={status}>
      <span aria-hidden="true">{glyphOf(status)}</span> {text}
    </span>
  );
}

let nowMs = Date.now();
const tellers = new Set<() => void>();
setInterval(() => {
  nowMs = Date.now();
  for (const tell of tellers) tell();
}, 1000);

function listen(tell: () => void): () => void {
  tellers.add(tell);
  return () => tellers.delete(tell);
}

/** The time, each second; one clock for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(listen, () => nowMs);
}

/** How long ago, with the exact time on hover. */
export function Ago({ at, suffix = ' ago' }: { at: string; suffix?: string }) {
  const now = useNow();
  if (at === '') return <span className="quiet">–</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {duration(Math.max(0, now - Date.parse(at)))}
      {suffix}
    </time>
  );
}

/** How long something took, or has been going on. */
export function Span({ from, to }: { from: string; to: string }) {
  const now = useNow();
  if (from === '') return <span className="quiet">–</span>;
  const title = to === '' ? `since ${exact(from)}` : `${exact(from)} – ${exact(to)}`;
  return (
    <span title={title}>{duration((to === '' ? now : Date.parse(to)) - Date.parse(from))}</span>
  );
}

/** `2026-11-26 20:41:07.113`, in the reader's own zone. */
export function exact(at: string | number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 23).replace('T', ' ');
}

/** Short; a click copies all of it. */
export function Id({ id, length = 10 }: { id: string; length?: number }) {
  if (id === '') return null;
  const copy = () =>
    navigator.clipboard.writeText(id).then(
      () => note(`copied ${id}`),
      () => note(id),
    );
  return (
    <button type="button" className="id" title={`${id}: click to copy`} onClick={() => void copy()}>
      {id.slice(0, length)}
    </button>
  );
}
