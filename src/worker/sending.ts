/** Points on their way: messages of the queue in its order, several at once, while there is more to read. */
import type { PointCursor } from './cursor.ts';
import type { Outlet } from './outlet.ts';
import type { Pace } from './pace.ts';
import type { PointMessage } from './point-queue.ts';
import type { Recent } from './recent.ts';

export type Sending = {
  /**
   * Begins to send what the queue has, and waits while that is much. False when all was begun anew, because
   * somebody else's message came in between.
   */
  ahead(): Promise<boolean>;
  /** The same, and waits until all of it is stored. */
  all(): Promise<boolean>;
  /** Sends one that is not of the queue. False when it was refused. */
  one(message: PointMessage): Promise<boolean>;
};

export type SendingOptions = {
  outlet: Outlet<PointCursor>;
  pace: Pace;
  recent: Recent;
  /** Messages that were not stored. */
  messages: () => PointMessage[];
  bytesOf: (message: PointMessage) => Uint8Array;
  /** Whether it was stored; when not, all is begun anew before it resolves. */
  sent: (isSent: Promise<boolean>) => Promise<boolean>;
};

/** Messages that wait or are on their way; then reading waits. */
const aheadMost = 6;

export function createSending(options: SendingOptions): Sending {
  const { outlet, pace, recent, messages, sent } = options;
  let moved: () => void = () => undefined;
  let sending: { done: Promise<boolean>; isOver: boolean } | null = null;

  const sendable = (message: PointMessage) => {
    const { last_seq, cursor } = message;
    return { payload: options.bytesOf(message), last_seq, cursor };
  };
  const send = (): Promise<boolean> =>
    outlet.send(
      (index) => {
        const next = messages()[index];
        if (next === undefined) return null;
        pace.sent();
        return sendable(next);
      },
      () => {
        const stored = messages().shift();
        if (stored !== undefined) recent.add(stored);
        moved();
      },
    );
  /** Waits for what is on its way; what comes of it is told here. */
  const arrived = async (): Promise<boolean> => {
    const isSent = sending?.done;
    sending = null;
    return isSent === undefined || sent(isSent);
  };
  const ahead = async (): Promise<boolean> => {
    while (messages().length > aheadMost && sending?.isOver === false) {
      await new Promise<void>((resolve) => {
        moved = resolve;
      });
    }
    if (sending?.isOver === true && !(await arrived())) return false;
    if (sending !== null || messages().length === 0) return true;
    const begun = { done: send(), isOver: false };
    const end = (): void => {
      begun.isOver = true;
      moved();
    };
    begun.done.then(end, end);
    sending = begun;
    return true;
  };
  return {
    ahead,
    async all() {
      do {
        if (!(await ahead()) || !(await arrived())) return false;
      } while (messages().length > 0);
      return true;
    },
    one(message) {
      let left: PointMessage | null = message;
      return outlet.send(
        (index) => (index > 0 || left === null ? null : sendable(left)),
        () => {
          left = null;
        },
      );
    },
  };
}
