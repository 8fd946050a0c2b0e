/**
 * The messages that were stored last. Of them the run's files may know nothing yet: should the bus lose them,
 * they are published again as they were.
 */
import type { PointMessage } from './point-queue.ts';

export type Recent = {
  /** Of one that follows on the one before. */
  add(message: PointMessage): void;
  /** Those with points, or more, from a number on. */
  from(seq: number): PointMessage[];
  /** Forgets those. */
  forget(seq: number): void;
};

/** The files are a second behind, rarely more; a flood is not held in memory. */
const limits = { ms: 30_000, bytes: 4 << 20 };

export function createRecent(nowMs: () => number = () => performance.now()): Recent {
  let held: { message: PointMessage; atMs: number }[] = [];
  let bytes = 0;
  return {
    add(message) {
      const atMs = nowMs();
      held.push({ message, atMs });
      bytes += message.points.length;
      for (let oldest = held[0]; oldest !== undefined; oldest = held[0]) {
        if (bytes <= limits.bytes && atMs - oldest.atMs <= limits.ms) break;
        held.shift();
        bytes -= oldest.message.points.length;
      }
    },
    from: (seq) => held.map(({ message }) => message).filter(({ last_seq }) => last_seq >= seq),
    forget(seq) {
      held = held.filter(({ message }) => message.last_seq < seq);
      bytes = held.reduce((sum, { message }) => sum + message.points.length, 0);
    },
  };
}
