/** A run is done before its last points are on the bus and counted; who asks right after its end wants these too. */
import { setTimeout as delay } from 'node:timers/promises';

export type Settling = {
  /** When the attempt ended, by the wall clock; null: it goes on, or never began. */
  endedMs: number | null;
  /** True when no more points come. */
  ended: () => boolean;
  /** Whether any point is known of. */
  begun: () => boolean;
  /** True while the bus is away: what it has is not waited for. */
  away: () => boolean;
  now: () => number;
  signal: AbortSignal;
};

/** Since the end of the attempt. A trainer without points says nothing of their end. */
const patienceMs = { silent: 1000, begun: 5000 };
const lookMs = 20;

/** Returns at once for what goes on, has said its end, or ended long ago. */
export async function settled(of: Settling): Promise<void> {
  const { endedMs, now, signal } = of;
  if (endedMs === null) return;
  const isWaiting = (): boolean => {
    const since = now() - endedMs;
    const patience = of.begun() ? patienceMs.begun : patienceMs.silent;
    // A clock that was set back says nothing.
    return since >= 0 && since < patience && !of.ended() && !of.away() && !signal.aborted;
  };
  while (isWaiting()) await delay(lookMs, undefined, { signal }).catch(() => undefined);
}
