/** The daemon's answers to the worker of one attempt: what it is told, what it wants to know, what it brings. */
import { messageOf } from '../../errors.ts';
import type { Clock } from '../../telemetry/index.ts';
import type { ExecutorEvents, Fact, Wish } from '../executor.ts';
import { outputSizes, takePiece } from './returned.ts';
import type { TalkReply, TalkRequest } from './talk.ts';

export type JobSession = {
  /** Answers a worker of the start that has the attempt. */
  receive(request: TalkRequest, data: Buffer): Promise<TalkReply>;
  reply(messages: TalkReply['messages'], more?: Partial<TalkReply>): TalkReply;
  /** What is wished from now on; told to the worker at once. */
  wish(wish: Wish): void;
  wanted(): Wish | null;
  /** Of the worker that speaks now. */
  generation(): number;
  /** Nothing more of the attempt is wanted. */
  end(): void;
  close(): void;
};

/** How long a question without news is held. */
const listenMs = 20_000;

export function createJobSession(options: {
  runId: string;
  attempt: number;
  places: { attempt: string; store: string };
  job: () => string;
  events: ExecutorEvents;
  /** True when the fact may be acknowledged. */
  takeFact: (fact: Fact) => boolean;
  clock: Clock;
}): JobSession {
  const { runId, attempt, places, events, clock } = options;
  const listeners = new Set<() => void>();
  let session: string | null = null;
  let generation = 0;
  let version = 1;
  let wanted: Wish | null = null;
  let over = false;
  let closed = false;

  const changed = (): void => {
    version += 1;
    for (const listener of [...listeners]) listener();
  };
  const wishes = (): TalkReply['messages'] =>
    over ? [{ type: 'over' }] : wanted === null ? [] : [{ type: 'wish', wish: wanted }];
  const reply: JobSession['reply'] = (messages, more = {}) => ({
    v: 1,
    messages,
    version,
    ...more,
  });

  const listen = async (known: number): Promise<TalkReply> => {
    if (known === version && !closed) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          callOff();
          listeners.delete(end);
          resolve();
        };
        const callOff = clock.after(listenMs, end);
        listeners.add(end);
      });
    }
    return reply(known === version ? [] : wishes());
  };

  /** A worker that was not heard before gets a generation of its own, and what is wished. */
  const greeting = (from: string): TalkReply['messages'] => {
    if (session === from) return [];
    session = from;
    generation = events.nextGeneration(runId, attempt);
    return [{ type: 'hello', generation }, ...wishes(), { type: 'go' }];
  };

  return {
    reply,
    async receive({ session: from, message }, data) {
      if (over) return reply([{ type: 'over' }]);
      const first = greeting(from);
      switch (message.type) {
        case 'fact': {
          const fact = message.fact as Fact;
          const taken = options.takeFact(fact);
          return reply([...first, ...(taken ? [{ type: 'ack', n: fact.n }] : [])]);
        }
        case 'beat': {
          const { at, last_metric: lastMetric, bus_trouble: busTrouble } = message;
          events.onBeat({ runId, attempt, at, lastMetric, busTrouble });
          return reply(first);
        }
        case 'listen':
          return first.length > 0 ? reply(first) : listen(message.version);
        case 'expiring':
          events.onExpiring?.(runId, attempt, `Slurm ends job ${options.job()} at its time limit`);
          return reply(first);
        case 'have':
          return reply(first, { sizes: outputSizes(places.attempt) });
        case 'file':
          try {
            takePiece(places, message, data);
            return reply(first);
          } catch (error) {
            return reply(first, { refused: messageOf(error) });
          }
        default:
          return reply(first);
      }
    },
    wish(wish) {
      if (JSON.stringify(wish) === JSON.stringify(wanted)) return;
      wanted = wish;
      changed();
    },
    wanted: () => wanted,
    generation: () => generation,
    end() {
      over = true;
      changed();
    },
    close() {
      closed = true;
      for (const listener of [...listeners]) listener();
    },
  };
}
