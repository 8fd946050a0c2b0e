/** A real bus in a directory of its own, and an outbox in memory that outlives its relays. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import { createLogger, systemClock } from '../../src/telemetry/index.ts';
import {
  type BusServer,
  connectDaemon,
  createBusServer,
  createRelay,
  ensureStreams,
  findNatsServer,
  type NatsConnection,
  type OutboxRow,
  type OutboxSource,
  type Relay,
  streamNames,
  subjects,
} from '../../src/transport/nats/index.ts';
import { removeTree } from '../remove-tree.ts';

export const yard = 'test1';
export const names = subjects(yard);
export const streams = streamNames(yard);
export const log = createLogger('test', { level: 'silent' });
const maxFileBytes = 64 * 2 ** 20;

export type TestBus = {
  dir: string;
  server: BusServer;
  /** Another handle of the same directory, as the next daemon has it. */
  again(limitBytes?: number): Promise<BusServer>;
  daemon(): Promise<NatsConnection>;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startBus(): Promise<TestBus> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-bus-'));
  const binary = await findNatsServer({
    home: path.join(dir, 'home'),
    checkout: path.resolve(import.meta.dirname, '../..'),
    env: process.env,
    progress: () => undefined,
  });
  const make = (limit = maxFileBytes): BusServer =>
    createBusServer({ dir: path.join(dir, 'bus'), yard, binary, maxFileBytes: limit, log });
  const server = make();
  await server.ensure();
  return {
    dir: path.join(dir, 'bus'),
    server,
    again: async (limit) => make(limit),
    daemon: async () => {
      const { url } = await server.ensure();
      return connectDaemon({ url, credentials: server.credentials.daemon });
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      removeTree(dir);
    },
  };
}

export type Outbox = OutboxSource & {
  rows: OutboxRow[];
  queue: Set<number>;
  epoch: string | null;
  add(count: number): void;
};

/** Twenty runs take turns. With `forgetful`, what the bus stored is never noted, as after a crash. */
export function memoryOutbox(options: { forgetful?: boolean } = {}): Outbox {
  const rows: OutboxRow[] = [];
  const queue = new Set<number>();
  return {
    rows,
    queue,
    epoch: null,
    newest: () => rows.length,
    add(count) {
      for (let i = 0; i < count; i += 1) {
        const pos = rows.length + 1;
        const payload = JSON.stringify({ pos, seq: Math.ceil(pos / 20) });
        rows.push({ pos, subject: names.events(`run${pos % 20}`), payload });
        queue.add(pos);
      }
    },
    pending: (limit, after) =>
      rows.filter(({ pos }) => pos > after && queue.has(pos)).slice(0, limit),
    done(upto) {
      if (options.forgetful === true) return;
      for (const pos of queue) if (pos <= upto) queue.delete(pos);
    },
  };
}

/** What a daemon does whenever it is connected: streams, epoch, relay. */
export async function join(
  bus: TestBus,
  outbox: Outbox,
): Promise<{ nc: NatsConnection; relay: Relay; leave(): Promise<void> }> {
  const nc = await bus.daemon();
  const { epoch } = await ensureStreams(nc, yard, maxFileBytes, () => crypto.randomUUID());
  if (epoch !== outbox.epoch) {
    for (const { pos } of outbox.rows) outbox.queue.add(pos);
    outbox.epoch = epoch;
  }
  const relay = createRelay({
    source: outbox,
    stream: streams.events,
    epoch,
    nc,
    clock: systemClock(),
    log,
  });
  relay.wake();
  return {
    nc,
    relay,
    async leave() {
      relay.stop();
      await nc.close();
    },
  };
}

/** Positions in the stream, in its order. */
export async function storedPositions(nc: NatsConnection): Promise<number[]> {
  const stored = await storedMessages(nc, streams.events);
  return stored.map((message) => message.json<{ pos: number }>().pos);
}

export async function storedMessages(nc: NatsConnection, stream: string): Promise<StoredMsg[]> {
  const jsm = await jetstreamManager(nc);
  const { state } = await jsm.streams.info(stream);
  const found: StoredMsg[] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await jsm.streams.getMessage(stream, { seq });
    if (message !== null) found.push(message);
  }
  return found;
}

export function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

/** Polls until `check` holds. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await check())) {
    assert.ok(Date.now() < deadline, `not in time: ${what}`);
    await sleep(5);
  }
}
