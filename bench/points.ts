/**
 * A million points from a file of the trainer's to the bus and, from there, to a client: against the same
 * messages published, and consumed, by a plain NATS client with the same server and accounts. Published one
 * after another, as whoever wants an order must, and, as another figure, sixteen at once in no order.
 * Each by turns, three times; a turn begins when the daemon has nothing left to do of the one before.
 */
import fs from 'node:fs';
import path from 'node:path';
import { DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectAs } from '../test/integration/bus-reader.ts';
import { startYard, until, type Yard } from '../test/integration/yard.ts';
import { type Figure, percentile } from './measure.ts';

const points = 1_000_000;
const turns = 3;
const stream = 'TEST_METRICS';
let measured: Promise<{ file: Figure[]; replay: Figure }> | null = null;

export async function pointsPerSecond(): Promise<Figure[]> {
  measured ??= measure();
  return (await measured).file;
}

export async function replayPerSecond(): Promise<Figure[]> {
  measured ??= measure();
  return [(await measured).replay];
}

async function measure(): Promise<{ file: Figure[]; replay: Figure }> {
  await using yard = await startYard(
    { RUNYARD_LOG: 'warn' },
    { settings: { bus_limit_mib: 4096 } },
  );
  await until(async () => (await yard.client.health()).bus_connected, 'the bus');
  const nc = await connectAs(yard, 'reader');
  const file: { seconds: number; ordered: number; unordered: number }[] = [];
  let run = '';
  for (let turn = 0; turn < turns; turn += 1) {
    const written = await throughFile(yard);
    run = written.run;
    await until(() => isTakenIn(yard, run), 'the points to be taken in', 600_000);
    const messages = await messagesOf(nc, run);
    const ordered = await publish(yard, messages, 1);
    file.push({ ...written, ordered, unordered: await publish(yard, messages, 16) });
  }
  // The first one of each warms up.
  const replay: { ours: number; raw: number }[] = [];
  for (let turn = 0; turn <= turns; turn += 1) {
    const raw = await timed(async () => consume(nc, run));
    const ours = await timed(async () => {
      let count = 0;
      for await (const batch of yard.client.metrics(run)) count += batch.points.length;
      return count;
    });
    if (turn > 0) replay.push({ ours, raw });
  }
  await nc.close();
  const against = (raw: 'ordered' | 'unordered') =>
    file.map((each) => ({ ours: each.seconds, raw: each[raw] }));
  return {
    file: [
      figure('points_per_s', against('ordered')),
      figure('points_per_s.unordered', against('unordered')),
    ],
    replay: figure('replay_per_s', replay),
  };
}

/** Medians; that of the ratio is of the pairs. */
function figure(metric: string, pairs: readonly { ours: number; raw: number }[]): Figure {
  const median = (of: (pair: { ours: number; raw: number }) => number): number =>
    percentile(pairs.map(of), 0.5);
  const value = median(({ ours }) => points / ours);
  const baseline = median(({ raw }) => points / raw);
  const ratio = median(({ ours, raw }) => raw / ours);
  return { metric, unit: '1/s', n: points, value, baseline, ratio };
}

async function timed(act: () => Promise<number>): Promise<number> {
  const from = performance.now();
  const count = await act();
  if (count !== points) throw new Error(`${count} points came`);
  return (performance.now() - from) / 1000;
}

/** From the start of a trainer that puts a whole file there until the server has stored the last point. */
async function throughFile(yard: Yard): Promise<{ run: string; seconds: number }> {
  const file = path.join(yard.home, 'points.jsonl');
  const fd = fs.openSync(file, 'w');
  for (let step = 1; step <= points / 2; step += 1)
    fs.writeSync(fd, `{"step": ${step}, "loss": ${1 / step}, "charts/return": ${step % 500}.5}\n`);
  fs.closeSync(fd);
  const command = ['sh', '-c', 'cat "$0" > "$RUNYARD_METRICS"', file];
  const { run_id: run } = await yard.client.submit({ command, cwd: yard.home });
  await yard.client.wait(run);
  const nc = await connectAs(yard, 'daemon');
  const last = await until(() => lastStored(nc, run), 'all points on the bus', 600_000);
  await nc.close();
  const { started_at: from } = JSON.parse(fs.readFileSync(yard.attemptFile(run, 'exit'), 'utf8'));
  return { run, seconds: (last - Date.parse(from)) / 1000 };
}

/** When the server stored the last point; null before. */
async function lastStored(nc: NatsConnection, run: string): Promise<number | null> {
  const subject = `$JS.API.DIRECT.GET.${stream}.test.runs.${run}.metrics`;
  const reply = await nc.request(subject, '', { timeout: 10_000 });
  if (reply.headers?.code === 404) return null;
  const { last_seq } = reply.json<{ last_seq: number }>();
  if (last_seq !== points) return null;
  return Date.parse(reply.headers?.get('Nats-Time-Stamp') ?? '');
}

async function messagesOf(nc: NatsConnection, run: string): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  await consume(nc, run, (data) => found.push(data));
  return found;
}

/** As any client would, and until the last point is there. */
async function consume(
  nc: NatsConnection,
  run: string,
  take: (data: Uint8Array) => void = () => undefined,
): Promise<number> {
  const from = await jetstream(nc, { checkAPI: false }).consumers.get(stream, {
    filter_subjects: `test.runs.${run}.metrics`,
    deliver_policy: DeliverPolicy.All,
  });
  let count = 0;
  for await (const { data } of await from.consume()) {
    const message = JSON.parse(Buffer.from(data).toString('utf8')) as {
      last_seq: number;
      points: unknown[];
    };
    take(data);
    count += message.points.length;
    if (message.last_seq === points) break;
  }
  return count;
}

/** Seconds until the server has acknowledged the last of them. */
async function publish(
  yard: Yard,
  messages: readonly Uint8Array[],
  atOnce: number,
): Promise<number> {
  const nc = await connectAs(yard, 'worker');
  const subject = 'test.runs.baseline.metrics';
  let next = 0;
  const from = performance.now();
  const lane = async (): Promise<void> => {
    for (let data = messages[next++]; data !== undefined; data = messages[next++])
      await nc.request(subject, data, { timeout: 30_000 });
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  const seconds = (performance.now() - from) / 1000;
  await nc.close();
  // The stream has a limit, and the run's own messages are the oldest.
  const daemon = await connectAs(yard, 'daemon');
  await (await jetstreamManager(daemon)).streams.purge(stream, { filter: subject });
  await daemon.close();
  return seconds;
}

async function isTakenIn(yard: Yard, run: string): Promise<boolean> {
  let count = 0;
  for await (const row of yard.client.metricKeys([run])) count += row.count;
  return count === points;
}
