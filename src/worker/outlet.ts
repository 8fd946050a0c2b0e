/** One subject of the bus as a worker writes it: message after message, each after the one it knows of. */
import { failpoint } from '../failpoints.ts';

/** One subject of the bus, as a worker may use it. */
export type Subject = {
  /** Its newest message, or null. */
  last(): Promise<{ seq: number; payload: unknown } | null>;
  /** Stores one message after the one with sequence `after`; null when another came in between. */
  publish(payload: object, after: number): Promise<number | null>;
};

export type Outlet<TCursor> = {
  /** The cursor in the newest message of this attempt; null when there is none. */
  resume(): Promise<TCursor | null>;
  /** False when somebody else's message came in between, or our own whose answer was lost. */
  send(payload: { cursor: TCursor; last_seq: number }): Promise<boolean>;
  /** The highest line or point that is stored. */
  seq(): number;
};

/** Thrown where a later attempt publishes for the run. */
export class Superseded extends Error {}

export function createOutlet<TCursor>(subject: Subject, attempt: number): Outlet<TCursor> {
  /** Stream sequence of the newest message. */
  let last = 0;
  let seq = 0;
  let sent: TCursor | null = null;
  return {
    async resume() {
      const found = await subject.last();
      last = found?.seq ?? 0;
      const payload = found?.payload as
        | { attempt: number; last_seq: number; cursor: TCursor }
        | undefined;
      const other = payload?.attempt ?? attempt;
      if (other > attempt) throw new Superseded(`attempt ${other} of the run publishes already`);
      // The last words of an earlier attempt came in between.
      if (payload !== undefined && other < attempt) return sent;
      seq = payload?.last_seq ?? 0;
      return payload?.cursor ?? null;
    },
    async send(payload) {
      failpoint('worker.publish');
      const stored = await subject.publish(payload, last);
      failpoint('worker.published');
      if (stored === null) return false;
      last = stored;
      seq = payload.last_seq;
      sent = payload.cursor;
      return true;
    },
    seq: () => seq,
  };
}
