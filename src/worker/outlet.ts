/** One subject of the bus as a worker writes it: message after message, each after the one it knows of. */
import crypto from 'node:crypto';
import { failpoint } from '../failpoints.ts';

/** One subject of the bus, as a worker may use it. */
export type Subject = {
  /** Its newest message, or null; `id` as it was published with, or empty. */
  last(): Promise<{ seq: number; payload: unknown; id: string } | null>;
  /**
   * Stores one message after the one with sequence `after`; null when another came in between. Or directly
   * behind the one with the id `after`, which may still be on its way. Messages that are begun one after
   * the other arrive in that order. Bytes are stored as they are.
   */
  publish(payload: object, after: number | string, id?: string): Promise<number | null>;
  /** Whether several may be on their way at once; not said: yes. */
  several?(): boolean;
};

export type Sendable<TCursor> = { payload: object; last_seq: number; cursor: TCursor };

export type Outlet<TCursor> = {
  /** The cursor in the newest message of this attempt; null when there is none. */
  resume(): Promise<TCursor | null>;
  /**
   * Sends `at(0)`, `at(1)` … until there is none, several at a time. `stored` is told of each, in order: the
   * first of them is gone then, and `at` counts from the next. False when somebody else's message came in
   * between, or our own whose answer was lost.
   */
  send(at: (index: number) => Sendable<TCursor> | null, stored: () => void): Promise<boolean>;
  /** Whether the newest message, when that was asked, was sent from here; or there was none. */
  isOurs(): boolean;
  /** The highest line or point that is stored. */
  seq(): number;
};

/** Thrown where a later attempt publishes for the run. */
export class Superseded extends Error {}

/** So many are on their way at once. */
const flyingMost = 4;
/** Where a message of another run came in between two, so many go one by one. */
const aloneAfter = 16;

type Flying<TCursor> = Omit<Sendable<TCursor>, 'payload'> & {
  id: string;
  /** It was sent behind another that was on its way. */
  follows: boolean;
  answer: Promise<number | null>;
};

export function createOutlet<TCursor>(subject: Subject, attempt: number): Outlet<TCursor> {
  /** Stream sequence of the newest message. */
  let last = 0;
  let seq = 0;
  let sent: TCursor | null = null;
  const ids = crypto.randomUUID();
  let ours = true;
  let count = 0;
  /** Messages yet to go one by one. */
  let alone = 0;

  const begin = (message: Sendable<TCursor>, before: Flying<TCursor> | undefined) => {
    failpoint('worker.publish');
    count += 1;
    const { payload, last_seq, cursor } = message;
    const id = `${ids}.${count}`;
    const answer = subject.publish(payload, before?.id ?? last, id);
    // Who is told of an earlier one's failure does not look at the later ones.
    answer.catch(() => undefined);
    return { last_seq, cursor, id, follows: before !== undefined, answer };
  };
  return {
    async resume() {
      const found = await subject.last();
      const before = last;
      last = found?.seq ?? 0;
      ours = found === null || found.id.startsWith(ids);
      const payload = found?.payload as
        | { attempt: number; last_seq: number; cursor: TCursor }
        | undefined;
      const other = payload?.attempt ?? attempt;
      if (other > attempt) throw new Superseded(`attempt ${other} of the run publishes already`);
      // The last words of an earlier attempt came in between; or came first, in a stream that was made anew.
      if (payload !== undefined && other < attempt) return last > before ? sent : null;
      seq = payload?.last_seq ?? 0;
      return payload?.cursor ?? null;
    },
    async send(at, stored) {
      const flying: Flying<TCursor>[] = [];
      try {
        for (;;) {
          const most = alone > 0 || subject.several?.() === false ? 1 : flyingMost;
          while (flying.length < most) {
            const message = at(flying.length);
            if (message === null) break;
            flying.push(begin(message, flying.at(-1)));
          }
          const [first] = flying;
          if (first === undefined) return true;
          const place = await first.answer;
          failpoint('worker.published');
          if (place === null) {
            if (!first.follows) return false;
            // Those behind it were refused with it; now it is sent after the one that is known.
            await Promise.allSettled(flying.splice(0).map(({ answer }) => answer));
            alone = aloneAfter;
            continue;
          }
          flying.shift();
          last = place;
          seq = first.last_seq;
          sent = first.cursor;
          alone = Math.max(0, alone - 1);
          stored();
        }
      } finally {
        await Promise.allSettled(flying.map(({ answer }) => answer));
      }
    },
    isOurs: () => ours,
    seq: () => seq,
  };
}
