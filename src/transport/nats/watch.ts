/**
 * Tells when a stream has more: for any number of readers with one consumer, which gets no payloads, only
 * that there is one. What it might miss is found by a look at the stream each second.
 */
import crypto from 'node:crypto';
import { EventEmitter } from 'node:events';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { ownPrefix } from './seen.ts';

export type StreamWatch = {
  /** Calls `wake` when a message of `subject` was stored, or may have been. Returns the unsubscribe. */
  on(subject: string, wake: () => void): () => void;
  close(): void;
};

const lookMs = 1000;
const answerMs = 3000;
/** A copy on another server may be behind by a moment, and is the one that is read: so many looks more. */
const looksAfter = 3;
const everything = '>';

type Info = {
  created?: string;
  state?: { last_seq: number };
  config?: { num_replicas?: number };
};

/** Watches while somebody listens, until `close` or the end of the connection. */
export function createStreamWatch(options: {
  nc: NatsConnection;
  stream: string;
  /** All subjects that may be listened to. */
  subject: string;
}): StreamWatch {
  const { nc, stream, subject } = options;
  const wakes = new EventEmitter().setMaxListeners(0);
  let listeners = 0;
  let made = '';
  let last = -1;
  let again = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let stopMessages: () => void = () => undefined;

  const hearing = async (): Promise<void> => {
    const consumer = await jetstream(nc).consumers.get(stream, {
      filter_subjects: subject,
      deliver_policy: DeliverPolicy.New,
      headers_only: true,
      // Told apart from those of others, and guessed by nobody (decision 44).
      name_prefix: `${ownPrefix}${crypto.randomBytes(9).toString('hex')}`,
    });
    const messages = await consumer.consume();
    stopMessages = () => messages.stop();
    if (isIdle()) stopMessages();
    try {
      for await (const message of messages) {
        wakes.emit(message.subject);
        wakes.emit(everything);
      }
    } finally {
      await consumer.delete().catch(() => undefined);
    }
  };
  const isIdle = (): boolean => stopped || listeners === 0 || nc.isClosed();

  const look = async (): Promise<void> => {
    const reply = await nc.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: answerMs });
    const { created, state, config } = reply.json<Info>();
    if (created === undefined || state === undefined) return;
    const isNew = created !== made || state.last_seq !== last;
    made = created;
    last = state.last_seq;
    // What came while nobody heard it.
    if (isNew && (config?.num_replicas ?? 1) > 1) again = looksAfter;
    else again = Math.max(0, again - 1);
    if (isNew || again > 0) for (const name of wakes.eventNames()) wakes.emit(name);
  };

  let running = false;
  const begin = (): void => {
    if (running || isIdle()) return;
    running = true;
    const hear = async (): Promise<void> => {
      while (!isIdle()) {
        await hearing().catch(() => undefined);
        if (!isIdle()) await new Promise((resolve) => setTimeout(resolve, lookMs).unref());
      }
    };
    const tick = async (): Promise<void> => {
      await look().catch(() => undefined);
      if (!isIdle()) timer = setTimeout(tick, lookMs).unref();
    };
    void Promise.all([hear(), tick()]).then(() => {
      running = false;
      begin();
    });
  };
  return {
    on(name, wake) {
      const heard = name.includes('*') ? everything : name;
      wakes.on(heard, wake);
      listeners += 1;
      begin();
      return () => {
        wakes.off(heard, wake);
        listeners -= 1;
        if (listeners === 0) stopMessages();
      };
    },
    close() {
      stopped = true;
      clearTimeout(timer);
      stopMessages();
    },
  };
}
