/**
 * Notes in the log when the wall clock was set. Nothing waits by it, but the times of what is shown do not go on
 * evenly there, and whoever reads them later wants to know.
 */
import { type Clock, every, type Logger } from '../telemetry/index.ts';

const lookMs = 1000;
/** What NTP corrects little by little stays below. */
const leastMs = 2000;

export function watchWallClock(clock: Clock, log: Logger): () => void {
  const ahead = (): number => {
    const { wall_ms: wall, mono_ms: mono } = clock.now();
    return wall - mono;
  };
  let before = ahead();
  return every(clock, lookMs, () => {
    const now = ahead();
    const jumpMs = now - before;
    before = now;
    if (Math.abs(jumpMs) < leastMs) return;
    log.warn({ jump_s: Math.round(jumpMs / 1000) }, 'the wall clock was set, or the machine slept');
  });
}
