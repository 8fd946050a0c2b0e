/** Reading what a stream has stored, by position, without a consumer on the server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  createStoredReader,
  createStreamWatch,
  ensureStreams,
} from '../../src/transport/nats/index.ts';
import { names, startBus, streams, until, upTo, yard } from './bus-fixture.ts';

const stream = streams.metrics;
const limit = 64 * 2 ** 20;

async function publish(nc: NatsConnection, run: string, texts: readonly string[]): Promise<void> {
  await Promise.all(texts.map((text) => nc.request(names.metrics(run), text, { timeout: 20_000 })));
}

test('a run’s messages are read in batches, each once and in order, between those of others', async () => {
  await using bus = await startBus();
  const nc = await bus.daemon();
  await ensureStreams(nc, yard, limit, () => 'e1');
  const texts = upTo(700).map(String);
  for (const text of texts) {
    await publish(nc, 'mine', [text]);
    await publish(nc, 'others', [`${text}'`]);
  }
  const reader = createStoredReader({
    nc,
    stream,
    subject: names.metrics('mine'),
    bytes: 1024,
  });
  const found: string[] = [];
  let batches = 0;
  for (let seq = 1; ; ) {
    const { messages, pending } = await reader.from(seq);
    for (const { data } of messages) found.push(Buffer.from(data).toString());
    assert.equal(pending, messages.length === 0 ? 0 : texts.length - found.length);
    const last = messages.at(-1);
    if (last === undefined) break;
    batches += 1;
    seq = last.seq + 1;
  }
  assert.deepEqual(found, texts);
  assert.ok(batches > 5, 'a batch has a size');
  assert.equal((await reader.next(600))?.seq, 601);
  assert.equal((await reader.last())?.seq, 1399);
  assert.equal(await reader.next(1400), null);
  const nobody = createStoredReader({ nc, stream, subject: names.metrics('nobody'), bytes: 1024 });
  assert.equal(await nobody.last(), null);
  assert.deepEqual(await nobody.from(1), { messages: [], pending: 0 });
  const consumers = await (await jetstreamManager(nc)).consumers.list(stream).next();
  assert.deepEqual(consumers, [], 'nothing is left on the server');
  await nc.close();
});

test('a reader hears of new messages of its run, and that a stream was made anew', async () => {
  await using bus = await startBus();
  const nc = await bus.daemon();
  await ensureStreams(nc, yard, limit, () => 'e1');
  const watch = createStreamWatch({ nc, stream, subject: names.metrics('*') });
  const woken = { mine: 0, all: 0 };
  const offs = [
    watch.on(names.metrics('mine'), () => {
      woken.mine += 1;
    }),
    watch.on(names.metrics('*'), () => {
      woken.all += 1;
    }),
  ];
  await until('the stream to be looked at', () => woken.mine > 0);
  const before = { ...woken };
  await publish(nc, 'mine', ['1']);
  await until('both to be woken', () => woken.mine > before.mine && woken.all > before.all);
  const reader = createStoredReader({ nc, stream, subject: names.metrics('mine'), bytes: 1024 });
  const made = await reader.made();
  const again = { ...woken };
  await (await jetstreamManager(nc)).streams.delete(stream);
  await assert.rejects(reader.made(), { code: 'bus_unavailable' });
  await ensureStreams(nc, yard, limit, () => 'e2');
  assert.notEqual(await reader.made(), made);
  await publish(nc, 'mine', ['2']);
  await until('to be woken by the new stream', () => woken.mine > again.mine);
  for (const off of offs) off();
  watch.close();
  await nc.close();
});

test('a reader whose connection is lost is told, and never waits for ever', async () => {
  await using bus = await startBus();
  const nc = await bus.daemon();
  await ensureStreams(nc, yard, limit, () => 'e1');
  const reader = createStoredReader({ nc, stream, subject: names.metrics('a'), bytes: 1024 });
  await nc.close();
  await assert.rejects(reader.from(1), { code: 'bus_unavailable' });
});
