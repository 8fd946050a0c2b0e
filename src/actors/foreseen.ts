/** When waiting runs are likely to start, in words; worked out at most once a second, and only when somebody asks. */
import { type AllocatorState, estimate, spanText } from '../allocator/index.ts';

/** How long an estimate is good for while nothing changes, and while something does. */
const goodMs = { still: 5000, stale: 1000 };

export type ForeseenOptions = {
  /** How long such a run takes, in ms; null: nobody knows. */
  tookMs: (runId: string) => number | null;
  /** When a live run began; null: it has not yet. */
  sinceMs: (runId: string) => number | null;
};

export type Foreseen = {
  /** Something has changed. */
  stale(): void;
  /** `; in about 40 min`; empty when nothing can be told. */
  text(runId: string, state: () => AllocatorState, nowMs: number): string;
  /** The same in a state that is not the present one. */
  textIn(runId: string, state: AllocatorState, nowMs: number): string;
};

export function createForeseen(pace: ForeseenOptions): Foreseen {
  let known: { atMs: number; stale: boolean; starts: ReadonlyMap<string, number> } | null = null;
  const textOf = (startMs: number | undefined, nowMs: number): string => {
    if (startMs === undefined) return '';
    return startMs - nowMs < 1000 ? '; any moment now' : `; in about ${spanText(startMs - nowMs)}`;
  };
  return {
    stale() {
      if (known !== null) known.stale = true;
    },
    text(runId, state, nowMs) {
      const good = known?.stale === true ? goodMs.stale : goodMs.still;
      if (known === null || nowMs - known.atMs > good || nowMs < known.atMs)
        known = { atMs: nowMs, stale: false, starts: estimate(state(), nowMs, pace) };
      return textOf(known.starts.get(runId), nowMs);
    },
    textIn: (runId, state, nowMs) => textOf(estimate(state, nowMs, pace).get(runId), nowMs),
  };
}
