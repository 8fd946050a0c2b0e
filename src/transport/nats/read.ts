/** Reads one run's messages of a stream, from the beginning, then live. */
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** Every message of `subject` now stored, and, when `follow`, those to come until `signal` ends it. */
export async function* readSubject<T>(options: {
  nc: NatsConnection;
  stream: string;
  subject: string;
  follow: boolean;
  signal: AbortSignal;
}): AsyncGenerator<T> {
  const { nc, stream, subject, follow, signal } = options;
  const consumer = await jetstream(nc).consumers.get(stream, {
    filter_subjects: subject,
    deliver_policy: DeliverPolicy.All,
  });
  const { num_pending: pending } = await consumer.info();
  if (pending === 0 && !follow) return;
  const messages = await consumer.consume();
  const stop = (): void => messages.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) return;
    for await (const message of messages) {
      yield JSON.parse(message.string()) as T;
      if (!follow && message.info.pending === 0) return;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    messages.stop();
    await consumer.delete().catch(() => undefined);
  }
}
