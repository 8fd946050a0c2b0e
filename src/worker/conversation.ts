/**
 * What a worker and its daemon say to each other, without the socket: facts are numbered within the
 * generation that the daemon granted, and stated again until they are acknowledged.
 */
import { failpoint } from '../failpoints.ts';
import { fitted } from '../small.ts';
import { type Clock, every } from '../telemetry/index.ts';

export type Wish =
  | { kind: 'pause' }
  | { kind: 'resume' }
  | { kind: 'terminate'; signal: NodeJS.Signals }
  | { kind: 'kill' };

export type Control = {
  /** States a fact; it is numbered, and kept until acknowledged. */
  fact(name: string, data: Record<string, unknown>): void;
  beat(lastMetric: string | null, busTrouble: string | null): void;
  /** Resolves when every fact was acknowledged, or nobody was connected for `lonelyMs`. */
  acknowledged(lonelyMs: number): Promise<void>;
  close(): void;
};

/** Whoever is connected: the daemon, or one before it. */
export type Peer = { write(message: object): void };

export type Message = { type: string; [key: string]: unknown };

export type Conversation = Control & {
  /** Somebody connected: speaks for the daemon from now on. */
  joined(peer: Peer): void;
  left(peer: Peer): void;
  receive(message: Message): void;
};

export type ConversationOptions = {
  about: { run_id: string; attempt: number; generation: number };
  clock: Clock;
  onWish: (wish: Wish) => void;
  /** The launch may happen. */
  onGo: () => void;
  /** Every fact as stated, e.g. for the bus. */
  onFact: (fact: object) => void;
};

type Pending = { n: number; fact: { at: string; fact: string; data: Record<string, unknown> } };

/** Unacknowledged facts are sent again this often. */
const resendMs = 1000;

export function createConversation(options: ConversationOptions): Conversation {
  const { clock } = options;
  const { run_id, attempt } = options.about;
  let { generation } = options.about;
  let next = 1;
  let pending: Pending[] = [];
  /** The daemon is done with the attempt, and takes no more facts. */
  let over = false;
  let peer: Peer | null = null;
  const waiters: (() => void)[] = [];

  const send = (message: object): void => peer?.write(message);
  const sendFact = ({ n, fact }: Pending): void => {
    send({ type: 'fact', fact: { run_id, attempt, generation, n, ...fact } });
  };
  const hello = (granted: number): void => {
    if (granted === generation) return;
    // The daemon fences by generation: under a new one, what it has not taken is counted anew.
    generation = granted;
    pending = pending.map(({ fact }, index) => ({ n: index + 1, fact }));
    next = pending.length + 1;
  };
  const stopResending = every(clock, resendMs, () => pending.forEach(sendFact));

  return {
    joined(who) {
      peer = who;
    },
    left(who) {
      if (peer === who) peer = null;
    },
    receive(message) {
      if (message.type === 'hello') {
        hello(Number(message.generation));
        for (const each of pending) sendFact(each);
      } else if (message.type === 'ack') {
        pending = pending.filter(({ n }) => n > Number(message.n));
        if (pending.length === 0) for (const done of waiters.splice(0)) done();
      } else if (message.type === 'over') {
        over = true;
        pending = [];
        for (const done of waiters.splice(0)) done();
      } else if (message.type === 'wish') {
        options.onWish(message.wish as Wish);
      } else if (message.type === 'go') {
        options.onGo();
      }
    },
    fact(name, data) {
      const entry = { n: next, fact: { at: clock.iso(), fact: name, data: fitted(data) } };
      next += 1;
      if (!over) pending.push(entry);
      sendFact(entry);
      failpoint('worker.stated');
      options.onFact({ v: 1, run_id, attempt, generation, n: entry.n, ...entry.fact });
    },
    beat: (lastMetric, busTrouble) =>
      send({
        type: 'beat',
        at: clock.iso(),
        last_metric: lastMetric,
        bus_trouble: busTrouble,
      }),
    acknowledged(lonelyMs) {
      if (pending.length === 0) return Promise.resolve();
      return new Promise((resolve) => {
        let since = clock.now().mono_ms;
        const stop = every(clock, resendMs, () => {
          const now = clock.now().mono_ms;
          if (peer !== null) since = now;
          if (now - since > lonelyMs) done();
        });
        const done = (): void => {
          stop();
          resolve();
        };
        waiters.push(done);
      });
    },
    close: stopResending,
  };
}
