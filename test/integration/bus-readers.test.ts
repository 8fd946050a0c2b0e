/** What those who were given a credential may do on a real bus, and what not: everything that we can think of. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { execa } from 'execa';
import { identityOf, isAlive } from '../../src/rundir/index.ts';
import {
  ensureStreams,
  findNatsServer,
  type KeptReader,
  newPassword,
} from '../../src/transport/nats/index.ts';
import { names, startBus, storedMessages, streams, type TestBus, yard } from './bus-fixture.ts';
import { until } from './yard.ts';

/** Runs that are there: `mine` is what the reader of one run may read. */
const runs = ['mine', 'other'] as const;
const kinds = ['events', 'metrics', 'logs', 'artifacts'] as const;
const allKinds = [...kinds, 'facts'] as const;

type Given = { reader: KeptReader; password: string };

async function given(name: string, only: string[] | null = null): Promise<Given> {
  const { password, password_hash } = await newPassword();
  const about = { created_at: '2026-01-01T00:00:00Z', expires_at: null };
  return { reader: { name, password_hash, runs: only, ...about }, password };
}

async function join(bus: TestBus, { reader, password }: Given): Promise<NatsConnection> {
  const { url } = await bus.server.ensure();
  return connect({ servers: url, user: reader.name, pass: password, reconnect: false });
}

/** A bus with one message of each kind of each run. */
async function filled(bus: TestBus): Promise<NatsConnection> {
  const daemon = await bus.daemon();
  await ensureStreams(daemon, yard, 2 ** 26, () => 'e1');
  for (const run of runs) {
    for (const kind of allKinds) await daemon.request(names[kind](run), JSON.stringify({ run }));
  }
  return daemon;
}

type Attempt = { what: string; subject: string; payload?: object | string };

const create = (stream: string, name: string, filter: string | null, config = {}): Attempt => ({
  what: `a consumer of ${stream} for ${filter ?? 'all'}`,
  subject: `$JS.API.CONSUMER.CREATE.${stream}.${name}${filter === null ? '' : `.${filter}`}`,
  payload: {
    stream_name: stream,
    action: 'create',
    config: {
      ...{ name, ack_policy: 'none', deliver_policy: 'all', inactive_threshold: 60e9 },
      ...(filter === null ? {} : { filter_subject: filter }),
      ...config,
    },
  },
});

/** What no reader may do at all. */
const never: Attempt[] = [
  ...runs.flatMap((run) =>
    [...allKinds, 'beat' as const].map((kind) => ({
      what: `publish ${kind} of ${run}`,
      subject: names[kind](run),
    })),
  ),
  ...Object.values(streams).flatMap((stream) => [
    ...['DELETE', 'PURGE', 'UPDATE', 'MSG.GET', 'MSG.DELETE', 'SNAPSHOT', 'LEADER.STEPDOWN'].map(
      (verb) => ({ what: `${verb} of ${stream}`, subject: `$JS.API.STREAM.${verb}.${stream}` }),
    ),
    {
      what: `direct get of ${stream}`,
      subject: `$JS.API.DIRECT.GET.${stream}`,
      payload: { seq: 1 },
    },
    ...['NAMES', 'LIST'].map((verb) => ({
      what: `consumer ${verb} of ${stream}`,
      subject: `$JS.API.CONSUMER.${verb}.${stream}`,
    })),
    {
      what: `a durable consumer of ${stream}, by the older interface`,
      subject: `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.d`,
    },
  ]),
  {
    what: 'direct get of the last event',
    subject: `$JS.API.DIRECT.GET.${streams.events}.${names.events('mine')}`,
  },
  { what: 'a stream', subject: '$JS.API.STREAM.CREATE.MINE', payload: { name: 'MINE' } },
  { what: 'STREAM.INFO of facts', subject: `$JS.API.STREAM.INFO.${streams.facts}` },
  create(streams.facts, 'f', names.facts('mine')),
  { what: 'MSG.NEXT of facts', subject: `$JS.API.CONSUMER.MSG.NEXT.${streams.facts}.f` },
  { what: 'ACK of facts', subject: `$JS.ACK.${streams.facts}.f.1.1.1.1.0` },
  { what: 'reload of the server', subject: '$SYS.REQ.SERVER.PING.VARZ' },
  { what: 'anything else', subject: 'hello' },
];

/** What a reader of one run may not do either. */
const notOfOthers: Attempt[] = kinds.flatMap((kind) => [
  create(streams[kind], 'o', names[kind]('other')),
  create(streams[kind], 'o', null),
  create(streams[kind], 'o', `${yard}.runs.*.${kind}`),
  create(streams[kind], 'o', '>'),
  {
    what: `a consumer of ${kind}, by the older interface`,
    subject: `$JS.API.CONSUMER.CREATE.${streams[kind]}`,
  },
]);

/** Asked on the subject of `mine`, for something else in the body. */
const smuggled: Attempt[] = [
  { filter_subject: names.metrics('other') },
  { filter_subject: undefined },
  { filter_subject: undefined, filter_subjects: [names.metrics('other')] },
  { filter_subjects: [names.metrics('other')] },
  { filter_subject: '>' },
].map((config) => create(streams.metrics, 's', names.metrics('mine'), config));

const ask = (nc: NatsConnection, { subject, payload = '' }: Attempt): Promise<Msg> =>
  nc.request(subject, typeof payload === 'string' ? payload : JSON.stringify(payload), {
    timeout: 10_000,
  });

async function refused(nc: NatsConnection, attempts: readonly Attempt[]): Promise<void> {
  for (const attempt of attempts)
    await assert.rejects(ask(nc, attempt), /Permissions Violation/, attempt.what);
}

/** The messages of a run of one kind, read as another service would. */
async function read(nc: NatsConnection, kind: (typeof kinds)[number], run: string) {
  const consumer = await jetstream(nc, { checkAPI: false }).consumers.get(streams[kind], {
    filter_subjects: names[kind](run),
  });
  for await (const message of await consumer.consume()) {
    const { run: found } = message.json<{ run: string }>();
    if (message.info.pending === 0) return found;
  }
  return null;
}

/** Why a subscription is refused; null when it is not. */
async function listening(nc: NatsConnection, subject: string): Promise<string | null> {
  let why: string | null = null;
  nc.subscribe(subject, {
    callback: (error) => {
      why = error?.message ?? why;
    },
  });
  // The refusal comes before the answer to this.
  await nc.flush();
  return why;
}

test('a reader reads all runs, a reader of one run that one, and neither does anything else', async () => {
  await using bus = await startBus();
  const daemon = await filled(bus);
  const [all, one] = [await given('all'), await given('one', ['mine'])];
  await bus.server.setReaders([all.reader, one.reader]);
  const [wide, narrow] = [await join(bus, all), await join(bus, one)];
  for (const kind of kinds) {
    for (const run of runs) assert.equal(await read(wide, kind, run), run);
    assert.equal(await read(narrow, kind, 'mine'), 'mine');
  }
  await refused(wide, never);
  await refused(narrow, [...never, ...notOfOthers]);
  for (const attempt of smuggled) {
    const answer = (await ask(narrow, attempt)).json<{ error?: unknown }>();
    assert.notEqual(answer.error, undefined, JSON.stringify(attempt.payload));
  }
  const beat = names.beat;
  const deaf = [
    ...[...allKinds.map((kind) => names[kind]('mine')), `${yard}.runs.>`],
    ...['>', '*', '$SYS.>', '$JS.EVENT.>', '$JS.API.>', '_R_.>'],
  ];
  for (const subject of deaf) {
    for (const nc of [wide, narrow])
      assert.match((await listening(nc, subject)) ?? '', /Permissions/, subject);
  }
  assert.equal(await listening(wide, beat('*')), null);
  assert.equal(await listening(narrow, beat('mine')), null);
  for (const subject of [beat('*'), beat('other')])
    assert.match((await listening(narrow, subject)) ?? '', /Permissions/, subject);
  // All of it left the streams as they were.
  for (const kind of allKinds) {
    const stored = (await storedMessages(daemon, streams[kind])).map(({ subject }) => subject);
    assert.deepEqual(stored, runs.map(names[kind]));
  }
  await Promise.all([wide.close(), narrow.close(), daemon.close()]);
});

test('a reader has inboxes of its own: what another one gets is not to be overheard', async () => {
  await using bus = await startBus();
  const daemon = await filled(bus);
  const [all, one] = [await given('all'), await given('one', ['mine'])];
  await bus.server.setReaders([all.reader, one.reader]);
  const [wide, narrow] = [await join(bus, all), await join(bus, one)];
  const heard: string[] = [];
  narrow.subscribe('_INBOX.>', { callback: (_, message) => void heard.push(message.subject) });
  await narrow.flush();
  assert.equal(await read(wide, 'metrics', 'other'), 'other');
  await wide.flush();
  await narrow.flush();
  assert.deepEqual(heard, []);
  assert.equal(await read(narrow, 'metrics', 'mine'), 'mine');
  assert.notDeepEqual(heard, []);
  await Promise.all([wide.close(), narrow.close(), daemon.close()]);
});

test('no reader has a message stored or a stream changed by a reply subject or a delivering consumer', async () => {
  await using bus = await startBus();
  const daemon = await filled(bus);
  const one = await given('one', ['mine']);
  await bus.server.setReaders([one.reader]);
  const nc = await join(bus, one);
  const targets = [
    ...allKinds.map((kind) => names[kind]('forged')),
    ...['PURGE', 'DELETE'].map((verb) => `$JS.API.STREAM.${verb}.${streams.artifacts}`),
    names.beat('mine'),
  ];
  nc.subscribe(names.beat('mine'), { callback: () => undefined });
  for (const [index, target] of targets.entries()) {
    nc.publish(`$JS.API.STREAM.INFO.${streams.metrics}`, '', { reply: target });
    nc.publish('$JS.API.INFO', '', { reply: target });
    const how = { deliver_subject: target, headers_only: index % 2 === 0 };
    const name = `evil${index}`;
    const evil = create(streams.metrics, name, names.metrics('mine'), {
      ...how,
      durable_name: name,
    });
    await ask(nc, evil);
  }
  await nc.flush();
  const jsm = await jetstreamManager(daemon);
  let consumers = 0;
  for await (const { name, delivered } of jsm.consumers.list(streams.metrics)) {
    assert.equal(delivered.consumer_seq, 0, name);
    consumers += 1;
  }
  // All were made but the one that would deliver into its own stream.
  assert.equal(consumers, targets.length - 1);
  for (const kind of allKinds)
    assert.equal((await storedMessages(daemon, streams[kind])).length, runs.length, kind);
  await Promise.all([nc.close(), daemon.close()]);
});

test('an ended reader is cut off at once and kept out; the others miss nothing meanwhile', async () => {
  await using bus = await startBus();
  const daemon = await filled(bus);
  const [stays, goes] = [await given('stays'), await given('goes', ['mine'])];
  await bus.server.setReaders([stays.reader, goes.reader]);
  const [nc, gone] = [await join(bus, stays), await join(bus, goes)];
  assert.equal(await read(gone, 'metrics', 'mine'), 'mine');
  const seen: number[] = [];
  const total = 300;
  const reading = (async () => {
    const consumer = await jetstream(nc, { checkAPI: false }).consumers.get(streams.logs, {
      filter_subjects: names.logs('counted'),
    });
    for await (const message of await consumer.consume()) {
      seen.push(message.json<{ n: number }>().n);
      if (seen.length === total) return;
    }
  })();
  const closed = gone.closed();
  for (let n = 1; n <= total; n += 1) {
    await daemon.request(names.logs('counted'), JSON.stringify({ n }));
    if (n === total / 2) {
      await bus.server.setReaders([stays.reader]);
      await closed;
    }
    // More changes beside: another reader comes each time.
    if (n % 50 === 0) await bus.server.setReaders([stays.reader, (await given(`r${n}`)).reader]);
  }
  await reading;
  assert.deepEqual(
    seen,
    Array.from({ length: total }, (_, index) => index + 1),
  );
  await assert.rejects(join(bus, goes), /Authorization/);
  assert.equal(nc.isClosed(), false);
  await Promise.all([nc.close(), daemon.close()]);
});

test('who may read is known after a restart of the server, and to the next daemon', async () => {
  await using bus = await startBus();
  const daemon = await filled(bus);
  const kept = await given('kept');
  await bus.server.setReaders([kept.reader]);
  const { identity } = await bus.server.ensure();
  await daemon.close();
  process.kill(identity.pid, 'SIGKILL');
  await bus.server.ensure();
  const nc = await join(bus, kept);
  assert.equal(await read(nc, 'events', 'other'), 'other');
  const next = await bus.again();
  await next.ensure();
  assert.deepEqual(next.readers(), [kept.reader]);
  // The next one finds the server live, and has it in hand.
  const late = await given('late');
  await next.setReaders([late.reader]);
  await nc.closed();
  const lateNc = await join(bus, late);
  assert.equal(await read(lateNc, 'events', 'mine'), 'mine');
  await lateNc.close();
});

test('a live server that an older version of ours started takes up who may read', async () => {
  await using bus = await startBus();
  const { identity } = await bus.server.ensure();
  const at = (name: string) => path.join(bus.dir, name);
  const config = fs.readFileSync(at('nats.conf'), 'utf8');
  const { system: _, ...older } = JSON.parse(fs.readFileSync(at('credentials.json'), 'utf8'));
  process.kill(identity.pid, 'SIGKILL');
  await until(() => !isAlive(identity), 'the server to end');
  // It knew no user of the system account.
  fs.writeFileSync(at('credentials.json'), JSON.stringify(older));
  fs.writeFileSync(at('nats.conf'), config.replace(/ {2}SYS \{.*\}\n/, '  SYS {}\n'));
  const server = await findNatsServer({
    home: bus.dir,
    checkout: path.resolve(import.meta.dirname, '../..'),
    env: process.env,
    progress: () => undefined,
  });
  const child = execa(server, ['-c', at('nats.conf')], { stdio: 'ignore', reject: false });
  const pid = child.pid ?? 0;
  const address = JSON.parse(fs.readFileSync(at('address.json'), 'utf8'));
  fs.writeFileSync(at('address.json'), JSON.stringify({ ...address, identity: identityOf(pid) }));
  const next = await bus.again();
  assert.equal((await next.ensure()).identity.pid, pid);
  const made = await given('made');
  await next.setReaders([made.reader]);
  const nc = await join(bus, made);
  assert.match((await nc.request('$JS.API.STREAM.NAMES', '')).string(), /stream_names_response/);
  await nc.close();
  await next.stop();
  await child;
});
