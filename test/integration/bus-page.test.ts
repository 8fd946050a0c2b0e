/** What `schemas/asyncapi.yaml` says of limits and headers, against a real bus. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { parse } from 'yaml';
import { connectWorker, createSubject, ensureStreams } from '../../src/transport/nats/index.ts';
import { join, memoryOutbox, names, startBus, streams, yard } from './bus-fixture.ts';
import { until } from './yard.ts';

type Kind = keyof typeof streams;
type Limits = { max_msgs_per_subject: number; share_of_storage: number; readable: boolean };
type Headers = { required?: string[]; properties: Record<string, { pattern?: string }> };
type Page = {
  channels: Record<Kind, { 'x-jetstream': Limits }>;
  components: { schemas: Record<'eventHeaders' | 'workerHeaders', Headers> };
};
const file = path.resolve(import.meta.dirname, '../../schemas/asyncapi.yaml');
const page = parse(fs.readFileSync(file, 'utf8'), { merge: true }) as Page;

test('the streams have the limits that the page names, and the readable ones are those of a reader', async () => {
  await using bus = await startBus();
  // Of a size at which no run's share of the logs is cut.
  const maxFileBytes = 2 ** 31;
  const server = await bus.again(maxFileBytes);
  await bus.server.stop();
  const { url } = await server.ensure();
  const { daemon, reader } = server.credentials;
  const nc = await connect({ servers: url, user: daemon.user, pass: daemon.password });
  const { jsm } = await ensureStreams(nc, yard, maxFileBytes, () => 'e1');
  const other = await connect({ servers: url, user: reader.user, pass: reader.password });
  for (const [kind, name] of Object.entries(streams) as [Kind, string][]) {
    const limits = page.channels[kind]['x-jetstream'];
    const { config } = await jsm.streams.info(name);
    assert.equal(config.max_msgs_per_subject, limits.max_msgs_per_subject, kind);
    assert.equal(config.max_bytes, Math.floor(maxFileBytes * limits.share_of_storage), kind);
    const asked = other.request(`$JS.API.STREAM.INFO.${name}`, '').catch(() => null);
    assert.equal((await asked) !== null, limits.readable, kind);
  }
  await Promise.all([nc.close(), other.close()]);
});

test('messages have the headers that the page names, and no others', async () => {
  await using bus = await startBus();
  const outbox = memoryOutbox();
  outbox.add(1);
  const { nc, leave } = await join(bus, outbox);
  await until(() => outbox.queue.size === 0, 'the event to be published');
  const { url } = await bus.server.ensure();
  const worker = await connectWorker({ url, credentials: bus.server.credentials.worker });
  const metrics = createSubject(() => worker, names.metrics('a'), streams.metrics);
  await Promise.all([metrics.publish({}, 0, 'x.1'), metrics.publish({}, 'x.1', 'x.2')]);
  const jsm = await jetstreamManager(nc);
  const { eventHeaders, workerHeaders } = page.components.schemas;
  for (const [stream, said] of [
    [streams.events, eventHeaders],
    [streams.metrics, workerHeaders],
  ] as const) {
    const found = new Set<string>();
    const { state } = await jsm.streams.info(stream);
    for (let seq = 1; seq <= state.last_seq; seq += 1) {
      const { header } = (await jsm.streams.getMessage(stream, { seq })) ?? assert.fail();
      for (const name of header.keys()) {
        found.add(name);
        assert.match(header.get(name), new RegExp(said.properties[name]?.pattern ?? '.'), name);
      }
    }
    assert.deepEqual([...found].toSorted(), Object.keys(said.properties).toSorted(), stream);
  }
  await worker.close();
  await leave();
});
