/** The moment that the page of a run shows: chart, timeline, curves, events and lines are all of it. */
import { useStore } from 'zustand';
import { createStore } from 'zustand/vanilla';

/** Milliseconds since the epoch, and the event that was the last one then; null: now, and on as time goes. */
export type Moment = { at: number; seq: number | null } | null;

export const cursorStore = createStore<{ moment: Moment }>(() => ({ moment: null }));

export function useMoment<T>(select: (moment: Moment) => T): T {
  return useStore(cursorStore, ({ moment }) => select(moment));
}

/** `seq` where two events came in the same millisecond. */
export function goTo(at: number, seq: number | null = null): void {
  cursorStore.setState({ moment: { at, seq } });
}

export function goLive(): void {
  cursorStore.setState({ moment: null });
}
