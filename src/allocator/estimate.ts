/** When waiting runs are likely to start, if those before them take as long as such runs took. Pure. */
import { type AllocatorState, decide } from './allocator.ts';
import { type GpuState, type Holding, holdingOf } from './gpu.ts';
import type { Claim, Waiting } from './request.ts';
import type { Fate } from './verdict.ts';

export type Pace = {
  /** How long such a run takes from start to end, in ms; null: nobody knows. */
  readonly tookMs: (runId: string) => number | null;
  /** When a live run began; null: it has not yet. */
  readonly sinceMs: (runId: string) => number | null;
};

/** What of a long queue is looked at, and how many ends ahead: nobody plans further. */
const queueMost = 500;
const stepsMost = 100;
/** One that takes longer than expected is expected to take this part of it still. */
const overdue = 0.1;

/**
 * By run, the instant of its start (ms since 1970) as far as it can be told: the queue is played on with
 * the allocator itself. A run that waits for something of which nothing is known (how long a run takes
 * that was never seen before, when a person releases what they hold) is left out, and so are those that
 * could only start after it.
 */
export function estimate(
  state: AllocatorState,
  nowMs: number,
  pace: Pace,
): ReadonlyMap<string, number> {
  const starts = new Map<string, number>();
  /** Live runs whose end is foreseen. */
  const ends = new Map<string, number>();
  const over = new Set<string>();
  let queue: readonly Waiting[] = state.queue.slice(0, queueMost);
  let live: readonly Claim[] = state.live;
  let gpus: readonly GpuState[] = state.gpus;
  let atMs = nowMs;
  for (const { runId } of live) {
    const took = pace.tookMs(runId);
    if (took === null) continue;
    const endMs = (pace.sinceMs(runId) ?? nowMs) + took;
    ends.set(runId, endMs > nowMs ? endMs : nowMs + overdue * took);
  }
  const fate = (runId: string): Fate => (over.has(runId) ? 'ok' : state.fate(runId));
  for (let step = 0; step < stepsMost && queue.length > 0; step += 1) {
    const monoMs = (state.monoMs ?? 0) + atMs - nowMs;
    const { grants, wakeAtMs } = decide({ ...state, queue, live, gpus, fate, monoMs }, atMs);
    if (grants.length > 0) {
      const granted = new Map(grants.map(({ runId, slots }) => [runId, slots]));
      const started = queue.filter(({ runId }) => granted.has(runId));
      queue = queue.filter(({ runId }) => !granted.has(runId));
      live = [...live, ...started];
      for (const claim of started) {
        starts.set(claim.runId, atMs);
        const took = pace.tookMs(claim.runId);
        if (took !== null) ends.set(claim.runId, atMs + took);
        gpus = withHoldings(gpus, claim, granted.get(claim.runId) ?? [], atMs);
      }
      // What is kept for one may be kept elsewhere now.
      continue;
    }
    const next = Math.min(wakeAtMs ?? Number.POSITIVE_INFINITY, ...ends.values());
    if (next === Number.POSITIVE_INFINITY) break;
    atMs = Math.max(atMs, next);
    const ended = [...ends].filter(([, endMs]) => endMs <= atMs).map(([runId]) => runId);
    for (const runId of ended) {
      ends.delete(runId);
      over.add(runId);
    }
    live = live.filter(({ runId }) => !over.has(runId));
    gpus = gpus.map((gpu) => ({
      ...gpu,
      holdings: gpu.holdings.filter(({ runId }) => !over.has(runId)),
    }));
  }
  return starts;
}

function withHoldings(
  gpus: readonly GpuState[],
  claim: Claim,
  slots: readonly string[],
  sinceMs: number,
): GpuState[] {
  return gpus.map((gpu) => {
    const own: Holding[] = slots.flatMap((slot) => {
      const holding = holdingOf(slot, gpu, claim, sinceMs);
      return holding === null ? [] : [holding];
    });
    return own.length === 0 ? gpu : { ...gpu, holdings: [...gpu.holdings, ...own] };
  });
}
