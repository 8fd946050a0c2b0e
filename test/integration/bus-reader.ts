/** Reads what a yard's bus has stored, as a plain NATS client that is no code of ours. */
import fs from 'node:fs';
import path from 'node:path';
import { DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { until, type Yard } from './yard.ts';

type Stream = 'EVENTS' | 'LOGS' | 'METRICS';
type Home = Pick<Yard, 'home'>;

/** Every message of a run in a stream, in order; none while the bus is away. */
export async function stored<T>(yard: Home, stream: Stream, run: string): Promise<T[]> {
  const nc = await connectAs(yard, 'reader').catch(() => null);
  if (nc === null) return [];
  try {
    const found: T[] = [];
    const consumer = await jetstream(nc, { checkAPI: false }).consumers.get(`TEST_${stream}`, {
      filter_subjects: `test.runs.${run}.${stream.toLowerCase()}`,
      deliver_policy: DeliverPolicy.All,
    });
    const { num_pending: pending } = await consumer.info();
    if (pending === 0) return found;
    for await (const message of await consumer.consume()) {
      found.push(message.json<T>());
      if (message.info.pending === 0) break;
    }
    return found;
  } catch {
    // It went away in the midst of it.
    return [];
  } finally {
    await nc.close();
  }
}

/** The same, once so many are there. */
export function storedWhenWhole<T>(
  yard: Home,
  stream: Stream,
  run: string,
  count: number,
): Promise<T[]> {
  return until(async () => {
    const found = await stored<T>(yard, stream, run);
    return found.length >= count ? found : null;
  }, `${count} messages of ${run} in ${stream}`);
}

export async function connectAs(
  yard: Home,
  role: 'daemon' | 'worker' | 'reader',
): Promise<NatsConnection> {
  const credentials = path.join(yard.home, 'bus/credentials.json');
  const { user, password: pass } = JSON.parse(fs.readFileSync(credentials, 'utf8'))[role];
  const address = path.join(yard.home, 'bus/address.json');
  const { url: servers } = JSON.parse(fs.readFileSync(address, 'utf8'));
  return connect({ servers, user, pass, reconnect: false, timeout: 2000 });
}

export async function deleteStream(yard: Home, stream: Stream): Promise<void> {
  const nc = await connectAs(yard, 'daemon');
  await (await jetstreamManager(nc)).streams.delete(`TEST_${stream}`);
  await nc.close();
}
