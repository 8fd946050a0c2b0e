import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { isAlive } from '../../src/rundir/index.ts';
import {
  join,
  memoryOutbox,
  startBus,
  storedPositions,
  streams,
  until,
  upTo,
} from './bus-fixture.ts';

test('each row is stored once and in order, though server and relay die again and again', async () => {
  await using bus = await startBus();
  const outbox = memoryOutbox();
  const rows = 2000;
  let feeding = true;
  const current: { link?: Awaited<ReturnType<typeof join>> } = {};
  const feeder = (async () => {
    while (outbox.rows.length < rows) {
      outbox.add(10);
      current.link?.relay.wake();
      await sleep(4);
    }
    feeding = false;
  })();
  let kills = 0;
  while (feeding) {
    const link = await join(bus, outbox);
    current.link = link;
    await sleep(Math.random() * 80);
    if (kills % 2 === 0) {
      const { identity } = await bus.server.ensure();
      process.kill(identity.pid, 'SIGKILL');
      await until('it is dead', () => !isAlive(identity));
    }
    // Dropped in the middle of whatever it does, as by the death of a daemon.
    await link.leave();
    kills += 1;
  }
  await feeder;
  const link = await join(bus, outbox);
  await until('all is published', () => outbox.queue.size === 0);
  assert.deepEqual(await storedPositions(link.nc), upTo(rows));
  assert.ok(kills > 3);
  await link.leave();
});

test('what is stored but not noted as stored is not stored again, with no help of message ids', async () => {
  await using bus = await startBus();
  const outbox = memoryOutbox({ forgetful: true });
  outbox.add(700);
  let link = await join(bus, outbox);
  const jsm = await jetstreamManager(link.nc);
  const { config } = await jsm.streams.info(streams.events);
  await jsm.streams.update(streams.events, { ...config, duplicate_window: 100_000_000 });
  await until('all is stored', async () => (await storedPositions(link.nc)).length === 700);
  await link.leave();
  await sleep(150);
  outbox.add(300);
  link = await join(bus, outbox);
  await until('the rest is stored', async () => (await storedPositions(link.nc)).at(-1) === 1000);
  assert.deepEqual(await storedPositions(link.nc), upTo(1000));
  await link.leave();
});

test('a stream that was wiped is published anew as a whole, under another epoch', async () => {
  await using bus = await startBus();
  const outbox = memoryOutbox();
  outbox.add(300);
  let link = await join(bus, outbox);
  await until('all is published', () => outbox.queue.size === 0);
  const { epoch } = outbox;
  await link.leave();
  await bus.server.stop();
  fs.rmSync(path.join(bus.dir, 'store'), { recursive: true });
  outbox.add(50);
  link = await join(bus, outbox);
  await until('all is published', () => outbox.queue.size === 0);
  assert.notEqual(outbox.epoch, epoch);
  assert.deepEqual(await storedPositions(link.nc), upTo(350));
  await link.leave();
});

test('a registry that lost its newest part gets its later transitions onto the bus all the same', async () => {
  await using bus = await startBus();
  const outbox = memoryOutbox();
  outbox.add(100);
  let link = await join(bus, outbox);
  await until('all is published', () => outbox.queue.size === 0);
  await link.leave();
  // As after a power loss, or when an older copy was put back.
  outbox.rows.length = 60;
  link = await join(bus, outbox);
  await link.nc.closed();
  await link.leave();
  outbox.add(20);
  link = await join(bus, outbox);
  await until('all is published', () => outbox.queue.size === 0);
  assert.deepEqual(await storedPositions(link.nc), upTo(80));
  await link.leave();
});

test('a row is published at once when nothing else waits', async () => {
  await using bus = await startBus();
  const outbox = memoryOutbox();
  const link = await join(bus, outbox);
  const subscription = link.nc.subscribe('test1.runs.*.events', { max: 3 });
  await link.nc.flush();
  let seen = 0;
  outbox.add(1);
  link.relay.wake();
  for await (const _ of subscription) {
    seen += 1;
    if (seen === 3) break;
    outbox.add(1);
    link.relay.wake();
  }
  assert.equal(seen, 3);
  await link.leave();
});
