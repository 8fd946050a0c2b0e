/** Heartbeats of live runs: kept in memory, stored now and then, and missed when they stay away. */
import type { Beat } from '../executors/index.ts';
import { type Clock, every } from '../telemetry/index.ts';

export type BeatsOptions = {
  store: { setHeartbeat(runId: string, at: string, lastMetric: string | null): void };
  /** Tells the run's chart that its worker went silent, or was heard again. */
  tell: (runId: string, event: { type: 'worker.silent' | 'worker.heard' }) => void;
  clock: Clock;
  onError: (error: unknown) => void;
};

type Kept = { at: string | null; atMs: number; lastMetric: string | null; silent: boolean };

const storeMs = 5000;
const silentAfterMs = 10_000;

export type Beats = ReturnType<typeof createBeats>;

export function createBeats({ store, tell, clock, onError }: BeatsOptions) {
  const kept = new Map<string, Kept>();

  const look = (runId: string, beat: Kept): void => {
    if (beat.at !== null) store.setHeartbeat(runId, beat.at, beat.lastMetric);
    if (beat.silent || clock.now().mono_ms - beat.atMs < silentAfterMs) return;
    beat.silent = true;
    tell(runId, { type: 'worker.silent' });
  };
  const stop = every(clock, storeMs, () => {
    for (const [runId, beat] of kept) {
      try {
        look(runId, beat);
      } catch (error) {
        // A heartbeat that cannot be stored must not end the daemon: the next one is due soon.
        onError(error);
      }
    }
  });

  return {
    /** From now on the run's worker is to be heard: one that never says a word is silent too. */
    expect(runId: string): void {
      if (kept.has(runId)) return;
      kept.set(runId, { at: null, atMs: clock.now().mono_ms, lastMetric: null, silent: false });
    },
    heard({ runId, at, lastMetric }: Beat): void {
      const before = kept.get(runId);
      kept.set(runId, { at, atMs: clock.now().mono_ms, lastMetric, silent: false });
      // The first beat that this daemon hears: an earlier one may have called the worker silent.
      if (before !== undefined && before.at !== null && !before.silent) return;
      try {
        tell(runId, { type: 'worker.heard' });
      } catch (error) {
        onError(error);
      }
    },
    last(runId: string): { at: string; lastMetric: string | null } | null {
      const { at = null, lastMetric = null } = kept.get(runId) ?? {};
      return at === null ? null : { at, lastMetric };
    },
    forget: (runId: string) => void kept.delete(runId),
    close: stop,
  };
}
