/**
 * Publishes again what the bus has lost of an attempt's points, with the numbers that they had: as the run's
 * files have it, and, of what is newer than those, as this worker remembers it.
 */
import type { PointCursor } from './cursor.ts';
import type { Kept } from './kept.ts';
import type { PointMessage, PointQueue } from './point-queue.ts';
import type { Recent } from './recent.ts';

export type Restored = {
  /** Behind what is stored now. */
  points: PointCursor;
  /** What comes next, before all that the queue has; null where sources are to be read on from the cursor. */
  again: PointMessage[] | null;
};

/**
 * `from`: behind what the bus has; `queue`: null when this worker did not publish that, nor anything. Throws
 * when the bus is away, or somebody else publishes.
 */
export async function restore(options: {
  from: PointCursor;
  queue: PointQueue | null;
  kept: Kept;
  recent: Recent;
  send: (message: PointMessage) => Promise<boolean>;
}): Promise<Restored> {
  const { from, queue, kept, recent } = options;
  const next = from.next_point;
  const upto = kept.upto();
  // Whose answer was lost.
  const messages = queue?.messages ?? [];
  for (
    let first = messages[0];
    first !== undefined && first.first_seq < next;
    first = messages[0]
  ) {
    recent.add(first);
    messages.shift();
  }
  const unsent = queue?.unsent() ?? 0;
  const again = recent.from(next);
  const first = again[0]?.first_seq ?? unsent;
  // All of it is known, and nothing has to be read again.
  const isKnown = next <= unsent && first <= Math.max(upto + 1, next);
  let points = from;
  for (const message of kept.messages(next, isKnown ? first - 1 : upto, from)) {
    if (!(await options.send(message))) throw new Error('somebody else publishes');
    points = message.cursor;
  }
  return { points, again: isKnown ? again : null };
}
