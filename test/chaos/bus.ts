/** Reads the yard's streams as a plain NATS client would, with none of our code. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { ChaosYard } from './yard.ts';

export type OnBus = {
  /** Sequence numbers of each run's events, in the order of the stream. */
  events: Map<string, number[]>;
  /** Runs whose lines came twice, or with a hole that no message tells of. */
  logProblems: Map<string, string>;
};

const relayedMs = 60_000;

export async function readBus(yard: ChaosYard): Promise<OnBus> {
  const { bus_url: servers } = await relayed(yard);
  const file = path.join(yard.home, 'bus/credentials.json');
  const { user, password: pass } = JSON.parse(fs.readFileSync(file, 'utf8')).reader;
  const nc = await connect({ servers, user, pass });
  try {
    const events = new Map<string, number[]>();
    for await (const { run_id: run, seq } of read<EventMessage>(nc, 'CHAOS_EVENTS')) {
      const seqs = events.get(run) ?? [];
      seqs.push(seq);
      events.set(run, seqs);
    }
    return { events, logProblems: await readLogs(nc) };
  } finally {
    await nc.close();
  }
}

type EventMessage = { run_id: string; seq: number };
type LogMessage = {
  run_id: string;
  attempt: number;
  first_seq: number;
  last_seq: number;
  lines: { seq: number }[];
  skipped: { first_seq: number; last_seq: number }[];
};

async function readLogs(nc: NatsConnection): Promise<Map<string, string>> {
  const problems = new Map<string, string>();
  const next = new Map<string, number>();
  for await (const message of read<LogMessage>(nc, 'CHAOS_LOGS')) {
    const { run_id: run, attempt, lines, skipped } = message;
    const of = `${run}/${attempt}`;
    const told = [
      ...lines.map(({ seq }) => [seq, seq] as const),
      ...skipped.map((range) => [range.first_seq, range.last_seq] as const),
    ].sort(([a], [b]) => a - b);
    for (const [first, last] of told) {
      const expected = next.get(of) ?? 1;
      if (first !== expected) problems.set(run, `line ${first} where ${expected} was expected`);
      next.set(of, last + 1);
    }
  }
  return problems;
}

/** Every message that the stream holds now. */
async function* read<T>(nc: NatsConnection, stream: string): AsyncGenerator<T> {
  const consumer = await jetstream(nc, { checkAPI: false }).consumers.get(stream, {
    deliver_policy: DeliverPolicy.All,
  });
  const { num_pending: pending } = await consumer.info();
  if (pending === 0) return;
  for await (const message of await consumer.consume()) {
    yield message.json<T>();
    if (message.info.pending === 0) return;
  }
}

async function relayed(yard: ChaosYard) {
  const deadline = performance.now() + relayedMs;
  for (;;) {
    const health = await yard.client.health();
    if (health.bus_connected && health.outbox_depth === 0) return health;
    if (performance.now() > deadline) {
      throw new Error(`the outbox was not relayed: ${JSON.stringify(health)}`);
    }
    await sleep(100);
  }
}
