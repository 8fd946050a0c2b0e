/** Users by JWT: a run's worker has its own subjects and nothing else; yards do not meet; a reader sees all. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type Account, Algorithms, decode, encodeAccount, parseCreds } from '@nats-io/jwt';
import { fromSeed } from '@nats-io/nkeys';
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import {
  connectWorker,
  createSubject,
  ensureStreams,
  isCurrent,
  mintWorker,
  readSigner,
  type Signer,
  streamNames,
  subjects,
  workersAccount,
} from '../../src/transport/nats/index.ts';
import { createWorkerBus } from '../../src/worker/bus.ts';
import { type LabServer, startLabServer } from '../fixtures/nats-server.ts';
import { makeOperator, type TestOperator } from '../fixtures/operator.ts';
import { startYard, until, type Yard } from './yard.ts';

const yard = 'a';
const names = subjects(yard);
const streams = streamNames(yard);
const noFiles = { ca: null, cert: null, key: null };

function signerOf(operator: TestOperator, of = yard): Signer {
  const signer = readSigner(operator.settings(of));
  assert.ok(signer !== null);
  return signer;
}

/** No code of ours. */
function plain(lab: LabServer, credsFile: string): Promise<NatsConnection> {
  const authenticator = credsAuthenticator(fs.readFileSync(credsFile));
  return connect({ servers: `127.0.0.1:${lab.port}`, authenticator, reconnect: false });
}

async function worker(lab: LabServer, operator: TestOperator, run: string) {
  const { creds, inbox } = await mintWorker(signerOf(operator), yard, run);
  const access = { ...noFiles, creds, inbox };
  return connectWorker({ url: `127.0.0.1:${lab.port}`, credentials: null, access });
}

async function storedOn(nc: NatsConnection): Promise<string[]> {
  const found: string[] = [];
  for (const stream of Object.values(streams)) {
    const { state } = await (await jetstreamManager(nc)).streams.info(stream, {
      subjects_filter: '>',
    });
    found.push(...Object.entries(state.subjects ?? {}).map(([name, n]) => `${name} ${n}`));
  }
  return found;
}

test('a worker’s credentials are for its own run: no other run’s subject, no message of anybody, no API', async () => {
  using operator = await makeOperator([yard]);
  await using lab = await startLabServer(operator.config('s1'));
  const daemon = await plain(lab, operator.file(`daemon-${yard}.creds`));
  await ensureStreams(daemon, yard, 2 ** 26, () => 'e1');
  const mine = await worker(lab, operator, 'r1');
  const other = await worker(lab, operator, 'r2');
  for (const kind of ['facts', 'logs', 'metrics', 'artifacts'] as const) {
    const subject = createSubject(() => mine, names[kind]('r1'), streams[kind]);
    assert.equal(await subject.last(), null);
    assert.equal(await subject.publish({ n: 1 }, 0), 1);
    assert.equal(await subject.publish({ n: 2 }, 0), null);
    assert.deepEqual(await subject.last(), { seq: 1, payload: { n: 1 }, id: '' });
  }
  const before = await storedOn(daemon);
  assert.equal(before.length, 4);
  const refused: [string, string][] = [
    [names.metrics('r2'), '{}'],
    [names.events('r1'), '{}'],
    [`$JS.API.DIRECT.GET.${streams.metrics}.${names.metrics('r2')}`, ''],
    [`$JS.API.DIRECT.GET.${streams.metrics}`, JSON.stringify({ seq: 1 })],
    [`$JS.API.STREAM.INFO.${streams.metrics}`, ''],
    [`$JS.API.STREAM.PURGE.${streams.metrics}`, ''],
    [`$JS.API.STREAM.MSG.GET.${streams.metrics}`, JSON.stringify({ seq: 1 })],
    [`$JS.API.CONSUMER.CREATE.${streams.metrics}`, '{}'],
    ['$JS.API.INFO', ''],
  ];
  for (const [subject, payload] of refused) {
    const asking = mine.request(subject, payload, { timeout: 5000 });
    await assert.rejects(asking, /[Pp]ermissions [Vv]iolation/, subject);
  }
  for (const subject of [names.metrics('*'), names.beat('r2'), '_INBOX_r2.>', '>']) {
    const heard = mine.subscribe(subject);
    await assert.rejects(
      (async () => {
        for await (const _ of heard) break;
      })(),
      /[Pp]ermissions [Vv]iolation/,
      subject,
    );
  }
  // The answer to a message goes where its reply subject says, and nobody asks who may publish there.
  for (const reply of [
    names.metrics('r2'),
    names.events('r1'),
    `$JS.API.STREAM.PURGE.${streams.logs}`,
  ])
    mine.publish(names.metrics('r1'), 'forged', { reply });
  await mine.flush();
  const subject = createSubject(() => mine, names.metrics('r1'), streams.metrics);
  await until(
    async () => (await subject.last().catch(() => null)) === null,
    'forged ones to be stored',
  );
  const after = await storedOn(daemon);
  assert.deepEqual(
    after.map((each) => each.split(' ')[0]),
    before.map((each) => each.split(' ')[0]),
  );
  await Promise.all([mine.close(), other.close(), daemon.close()]);
});

test('credentials that another key signed, or for other subjects, are made anew; a foreign key is refused', async () => {
  using operator = await makeOperator([yard, 'b']);
  using others = await makeOperator([yard]);
  await using lab = await startLabServer(operator.config('s1'));
  const signer = signerOf(operator);
  const { creds } = await mintWorker(signer, yard, 'r1');
  assert.ok(creds !== null);
  assert.equal(isCurrent(creds, signer, yard, 'r1'), true);
  assert.equal(isCurrent(creds, signer, yard, 'r2'), false);
  assert.equal(isCurrent(creds, signerOf(operator, 'b'), yard, 'r1'), false);
  await assert.rejects(worker(lab, others, 'r1'), /[Aa]uthorization/);
});

test('one run’s credentials are revoked in the account’s claims: it is cut off at once, another is not', async () => {
  using operator = await makeOperator([yard]);
  await using lab = await startLabServer(operator.config('s1'));
  const { creds, inbox } = await mintWorker(signerOf(operator), yard, 'r1');
  assert.ok(creds !== null);
  const access = { ...noFiles, creds, inbox };
  const place = { url: `127.0.0.1:${lab.port}`, credentials: null, access };
  const revoked = await connectWorker(place);
  const other = await worker(lab, operator, 'r2');

  const { uc: user } = await parseCreds(new TextEncoder().encode(creds));
  const account = operator.keys.accounts[workersAccount(yard)];
  assert.ok(account !== undefined);
  const claims = decode<Account>(account.jwt);
  const changed = { ...claims.nats, revocations: { [user.sub]: Math.ceil(Date.now() / 1000) } };
  const signer = fromSeed(new TextEncoder().encode(operator.keys.operatorSeed));
  const jwt = await encodeAccount(claims.name, account.id, changed, {
    signer,
    algorithm: Algorithms.v2,
  });
  const sys = await plain(lab, operator.file('sys.creds'));
  const answer = await sys.request('$SYS.REQ.CLAIMS.UPDATE', jwt, { timeout: 10_000 });
  assert.equal(answer.json<{ data?: { code: number } }>().data?.code, 200);
  await revoked.closed();
  await assert.rejects(connectWorker(place), /[Aa]uthorization|[Rr]evoked/);
  await other.flush();
  await Promise.all([other.close(), sys.close()]);
});

async function yardOn(lab: LabServer, operator: TestOperator, name: string): Promise<Yard> {
  const url = `nats://127.0.0.1:${lab.port}`;
  const settings = operator.settings(name);
  return startYard({ RUNYARD_NATS_URL: url, RUNYARD_YARD: name }, { settings });
}

async function runToEnd(of: Yard, points: number): Promise<string> {
  const script = `for i in $(seq ${points}); do echo "global_step=$i, episodic_return=[$i.]"; done`;
  const config = { command: ['sh', '-c', script], cwd: of.home };
  const { run_id: run } = await of.client.submit(config, { env: { PATH: process.env.PATH ?? '' } });
  assert.equal((await of.client.wait(run)).exit_code, 0);
  return run;
}

/** Payloads of one kind in a yard's stream, as somebody else reads them. */
async function read<T>(nc: NatsConnection, of: string, kind: 'events' | 'metrics'): Promise<T[]> {
  const manager = await jetstreamManager(nc);
  const stream = streamNames(of)[kind];
  const { state } = await manager.streams.info(stream);
  const found: T[] = [];
  if (state.messages === 0) return found;
  const consumer = await jetstream(nc).consumers.get(stream);
  for await (const message of await consumer.consume()) {
    found.push(message.json<T>());
    if (message.seq >= state.last_seq) break;
  }
  return found;
}

test('two yards on one server do not meet; a reader follows both; each run has credentials of its own', async () => {
  using operator = await makeOperator(['a', 'b']);
  await using lab = await startLabServer(operator.config('s1'));
  await using a = await yardOn(lab, operator, 'a');
  await using b = await yardOn(lab, operator, 'b');
  const [ofA, ofB] = await Promise.all([runToEnd(a, 3), runToEnd(b, 5)]);
  const reader = await plain(lab, operator.file('reader.creds'));
  for (const [of, name, run, points] of [
    [a, 'a', ofA, 3],
    [b, 'b', ofB, 5],
  ] as const) {
    const batches = await until(async () => {
      const found = await read<{ run_id: string; last_seq: number; end?: boolean }>(
        reader,
        name,
        'metrics',
      );
      return found.some(({ end }) => end === true) ? found : null;
    }, `the points of ${name}`);
    assert.deepEqual([...new Set(batches.map(({ run_id: id }) => id))], [run]);
    assert.equal(batches.at(-1)?.last_seq, points);
    const { last_seq: last } = await of.client.get(run);
    const events = await until(async () => {
      const found = await read<{ run_id: string; seq: number }>(reader, name, 'events');
      return found.length >= last ? found : null;
    }, `the events of ${name}`);
    assert.deepEqual(
      events.map(({ run_id: id, seq }) => `${id} ${seq}`),
      Array.from({ length: last }, (_, index) => `${run} ${index + 1}`),
    );
    const file = path.join(of.home, 'runs', run, 'bus.json');
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    const { access } = JSON.parse(fs.readFileSync(file, 'utf8'));
    assert.equal(access.inbox, `_INBOX_${run}`);
    // The same file, elsewhere, is all that a worker on another machine needs.
    const moved = path.join(of.home, 'moved.json');
    fs.copyFileSync(file, moved);
    const bus = createWorkerBus({
      yard: name,
      run_dir: '/nonexistent',
      bus: { address_file: moved, credentials_file: '', url: null },
    });
    const metrics = bus.subject(run, 'metrics');
    assert.equal(metrics.several?.(), false);
    const newest = await until(() => metrics.last().catch(() => null), 'a worker elsewhere');
    assert.equal((newest.payload as { run_id: string }).run_id, run);
    await bus.close();
    const shared = fs.readFileSync(path.join(of.home, 'bus/existing.json'), 'utf8');
    assert.equal(JSON.parse(shared).access.creds, null);
  }
  await reader.close();
});

test('a signing key without its account, and the reverse, is told plainly', async () => {
  using operator = await makeOperator([yard]);
  await using lab = await startLabServer(operator.config('s1'));
  const { bus_creds, bus_signing_key } = operator.settings(yard);
  const url = `nats://127.0.0.1:${lab.port}`;
  await using of = await startYard(
    { RUNYARD_NATS_URL: url },
    { settings: { bus_creds, bus_signing_key } },
  );
  await until(async () => {
    const { reasons } = await of.client.health();
    return reasons.some(({ text }) =>
      /bus_signing_key is set and bus_publishers is not/.test(text),
    );
  }, 'the reason');
});
