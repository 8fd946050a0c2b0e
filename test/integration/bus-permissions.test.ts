import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  type BusCredentials,
  connectDaemon,
  connectWorker,
  createSubject,
  ensureStreams,
} from '../../src/transport/nats/index.ts';
import { names, startBus, storedMessages, streams, type TestBus, yard } from './bus-fixture.ts';

async function made(bus: TestBus): Promise<NatsConnection> {
  const nc = await bus.daemon();
  await ensureStreams(nc, yard, 2 ** 26, () => 'e1');
  return nc;
}

/** No code of ours: what another service would use. */
async function plain(bus: TestBus, who: BusCredentials): Promise<NatsConnection> {
  const { url } = await bus.server.ensure();
  return connect({ servers: url, user: who.user, pass: who.password, reconnect: false });
}

/** Everything that is stored, by subject. */
async function everything(nc: NatsConnection): Promise<string[]> {
  const lists = await Promise.all(Object.values(streams).map((s) => storedMessages(nc, s)));
  return lists.flat().map(({ subject }) => subject);
}

/** Every message is synced, and a disk may be busy: no test of how fast it is. */
const unhurried = { timeout: 30_000 };

test('a worker reads back its own last message, and a message after another one is refused', async () => {
  await using bus = await startBus();
  const daemon = await made(bus);
  const { url } = await bus.server.ensure();
  const worker = await connectWorker({ url, credentials: bus.server.credentials.worker });
  for (const kind of ['facts', 'logs', 'metrics'] as const) {
    const subject = createSubject(() => worker, names[kind]('a'), streams[kind]);
    assert.equal(await subject.last(), null);
    assert.equal(await subject.publish({ n: 1 }, 0), 1);
    assert.equal(await subject.publish({ n: 2 }, 0), null);
    assert.equal(await subject.publish({ n: 2 }, 1), 2);
    assert.deepEqual(await subject.last(), { seq: 2, payload: { n: 2 }, id: '' });
  }
  await Promise.all([worker.close(), daemon.close()]);
});

test('messages of a run that follow closely are stored one directly behind the other, or not', async () => {
  await using bus = await startBus();
  const daemon = await made(bus);
  const { url } = await bus.server.ensure();
  const worker = await connectWorker({ url, credentials: bus.server.credentials.worker });
  const [a, b] = ['a', 'b'].map((run) =>
    createSubject(() => worker, names.metrics(run), streams.metrics),
  );
  assert.ok(a !== undefined && b !== undefined);
  const whole = [a.publish({ n: 1 }, 0, 'a.1'), a.publish({ n: 2 }, 'a.1', 'a.2')];
  assert.deepEqual(await Promise.all(whole), [1, 2]);
  // Another run's comes in between: neither the next one nor those that follow on it.
  const broken = [
    a.publish({ n: 3 }, 2, 'a.3'),
    b.publish({ n: 1 }, 0, 'b.1'),
    a.publish({ n: 4 }, 'a.3', 'a.4'),
    a.publish({ n: 5 }, 'a.4', 'a.5'),
  ];
  assert.deepEqual(await Promise.all(broken), [3, 4, null, null]);
  assert.deepEqual(await a.last(), { seq: 3, payload: { n: 3 }, id: 'a.3' });
  // Nor when it has no id at all.
  const plainly = [
    a.publish({ n: 4 }, 3, 'a.6'),
    b.publish({ n: 2 }, 4),
    a.publish({ n: 5 }, 'a.6', 'a.7'),
  ];
  assert.deepEqual(await Promise.all(plainly), [5, 6, null]);
  await Promise.all([worker.close(), daemon.close()]);
});

test('a worker cannot publish events, nor use any other interface of the streams', async () => {
  await using bus = await startBus();
  const daemon = await made(bus);
  const worker = await plain(bus, bus.server.credentials.worker);
  const forbidden = [
    names.events('a'),
    `$JS.API.STREAM.INFO.${streams.logs}`,
    `$JS.API.STREAM.PURGE.${streams.logs}`,
    `$JS.API.STREAM.DELETE.${streams.logs}`,
    `$JS.API.STREAM.CREATE.OTHER`,
    `$JS.API.CONSUMER.CREATE.${streams.facts}`,
    `$JS.API.DIRECT.GET.${streams.events}.${names.events('a')}`,
  ];
  for (const subject of forbidden) {
    await assert.rejects(worker.request(subject, '{}', { timeout: 2000 }), /Permissions/, subject);
  }
  assert.deepEqual(await everything(daemon), []);
  await Promise.all([worker.close(), daemon.close()]);
});

test('a reply subject lets neither worker nor reader store anything in the streams', async () => {
  await using bus = await startBus();
  const daemon = await made(bus);
  const worker = await plain(bus, bus.server.credentials.worker);
  const reader = await plain(bus, bus.server.credentials.reader);
  await worker.request(names.logs('a'), 'mine');
  const targets = [
    names.events('forged'),
    names.facts('forged'),
    names.logs('forged'),
    `$JS.API.STREAM.PURGE.${streams.logs}`,
    `$JS.API.STREAM.DELETE.${streams.logs}`,
  ];
  for (const reply of targets) {
    worker.publish(names.logs('a'), 'mine', { reply });
    worker.publish(`$JS.API.DIRECT.GET.${streams.logs}.${names.logs('a')}`, '', { reply });
    reader.publish('$JS.API.INFO', '', { reply });
    reader.publish(`$JS.API.STREAM.INFO.${streams.logs}`, '', { reply });
    reader.publish(`$JS.API.DIRECT.GET.${streams.logs}.${names.logs('a')}`, '', { reply });
  }
  // A second round trip after the first: all that was published before is processed.
  for (const nc of [worker, reader, worker, reader, daemon]) await nc.flush();
  await worker.request(names.logs('a'), 'mine');
  const stored = await everything(daemon);
  assert.deepEqual([...new Set(stored)], [names.logs('a')]);
  await Promise.all([worker.close(), reader.close(), daemon.close()]);
});

test('a reader cannot write, not even through a consumer that delivers into another stream', async () => {
  await using bus = await startBus();
  const daemon = await made(bus);
  const worker = await plain(bus, bus.server.credentials.worker);
  const reader = await plain(bus, bus.server.credentials.reader);
  await worker.request(names.logs('a'), 'looks like an event');
  for (const subject of [names.events('a'), names.facts('a'), names.logs('a')]) {
    await assert.rejects(reader.request(subject, '{}', { timeout: 2000 }), /Permissions/, subject);
  }
  const forbidden = ['STREAM.PURGE', 'STREAM.DELETE', 'STREAM.UPDATE', 'STREAM.MSG.DELETE'];
  for (const verb of forbidden) {
    const subject = `$JS.API.${verb}.${streams.logs}`;
    await assert.rejects(reader.request(subject, '{}', { timeout: 2000 }), /Permissions/, subject);
  }
  // A consumer begins to deliver as soon as somebody listens on exactly its subject.
  const targets = [
    names.events('forged'),
    names.facts('forged'),
    names.beat('forged'),
    `$JS.API.STREAM.DELETE.${streams.artifacts}`,
  ];
  for (const target of targets) reader.subscribe(target, { callback: () => undefined });
  await reader.flush();
  for (const [index, deliver_subject] of targets.entries()) {
    for (const headers_only of [false, true]) {
      const name = `evil${index}${headers_only}`;
      const config = {
        ...{ name, durable_name: name, deliver_subject, headers_only },
        ...{ deliver_policy: 'all', ack_policy: 'none', filter_subject: names.logs('a') },
      };
      const request = JSON.stringify({ stream_name: streams.logs, action: 'create', config });
      const create = `$JS.API.CONSUMER.CREATE.${streams.logs}.${name}.${names.logs('a')}`;
      await reader.request(create, request, { timeout: 2000 }).catch(() => undefined);
    }
  }
  await worker.request(names.logs('a'), 'another');
  const jsm = await jetstreamManager(daemon);
  for await (const { name, delivered } of jsm.consumers.list(streams.logs))
    assert.equal(delivered.consumer_seq, 0, `${name} delivers`);
  assert.deepEqual(await everything(daemon), [names.logs('a'), names.logs('a')]);
  await Promise.all([worker.close(), reader.close(), daemon.close()]);
});

test('a plain client reads the events of a run from the start, in order', async () => {
  await using bus = await startBus();
  const daemon = await made(bus);
  for (let pos = 1; pos <= 600; pos += 1) {
    await daemon.request(names.events(`run${pos % 2}`), JSON.stringify({ pos }), unhurried);
  }
  const reader = await plain(bus, bus.server.credentials.reader);
  const seen: number[] = [];
  const consumer = await jetstream(reader).consumers.get(streams.events, {
    filter_subjects: names.events('run1'),
  });
  for await (const message of await consumer.consume()) {
    assert.equal(message.subject, names.events('run1'));
    seen.push(message.json<{ pos: number }>().pos);
    if (message.info.pending === 0) break;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 300 }, (_, i) => 2 * i + 1),
  );
  // Signs of life are not stored: they come as they are sent.
  const worker = await plain(bus, bus.server.credentials.worker);
  const live = reader.subscribe(names.beat('*'), { max: 1 });
  await reader.flush();
  worker.publish(names.beat('run9'), 'alive');
  for await (const message of live) assert.equal(message.string(), 'alive');
  const jsm = await jetstreamManager(reader);
  assert.equal((await jsm.streams.info(streams.events)).state.messages, 600);
  await Promise.all([reader.close(), worker.close(), daemon.close()]);
});

test('an existing server takes the user and password that stand in its address', async () => {
  await using bus = await startBus();
  const { port } = await bus.server.ensure();
  const { user, password } = bus.server.credentials.daemon;
  const url = `nats://${user}:${password}@127.0.0.1:${port}`;
  const nc = await connectDaemon({ url, credentials: null });
  await nc.flush();
  await nc.close();
  await assert.rejects(connectDaemon({ url: `nats://127.0.0.1:${port}`, credentials: null }));
});
