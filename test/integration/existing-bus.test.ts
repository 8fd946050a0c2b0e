/** RUNYARD_NATS_URL: a server that is there already is used, and nothing of it is ended or changed. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { execa } from 'execa';
import type { DaemonStatus } from '../../src/contracts/index.ts';
import { ensureStreams, missingStreams } from '../../src/transport/nats/index.ts';
import { type LabServer, startLabServer, startOldServer } from '../fixtures/nats-server.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
const env = { PATH: process.env.PATH ?? '' };
const withPassword = 'authorization { user: ana, password: "s3cr%et" }';
const cleanrl = 'for i in 1 2 3; do echo "global_step=$i, episodic_return=[$i.]"; done';

function urlOf({ port }: { port: number }): string {
  return `nats://ana:s3cr%25et@127.0.0.1:${port}`;
}

/** A client that is no code of ours. */
function plain({ port }: LabServer): Promise<NatsConnection> {
  return connect({ servers: `127.0.0.1:${port}`, user: 'ana', pass: 's3cr%et' });
}

async function health(
  yard: Yard,
  what: string,
  holds: (status: DaemonStatus) => boolean,
): Promise<DaemonStatus> {
  return until(async () => {
    const status = await yard.client.health();
    return holds(status) ? status : null;
  }, what);
}

const relayed = (status: DaemonStatus): boolean =>
  status.bus_connected && status.outbox_depth === 0;

async function runToEnd(yard: Yard, script: string): Promise<string> {
  const config = { command: ['sh', '-c', script], cwd: yard.home };
  const { run_id: run } = await yard.client.submit(config, { env });
  await yard.client.wait(run);
  return run;
}

/** The run's messages of one kind, as the server has them. */
async function stored<T>(nc: NatsConnection, kind: string, run: string): Promise<T[]> {
  const consumer = await jetstream(nc).consumers.get(`TEST_${kind.toUpperCase()}`, {
    filter_subjects: `test.runs.${run}.${kind}`,
  });
  const found: T[] = [];
  let { num_pending: left } = await consumer.info();
  if (left === 0) return found;
  for await (const message of await consumer.consume()) {
    found.push(message.json<T>());
    left -= 1;
    if (left === 0) break;
  }
  return found;
}

test('daemon and workers use an existing server with user and password, and leave it as it was', async () => {
  await using lab = await startLabServer(withPassword);
  const nc = await plain(lab);
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name: 'THEIRS', subjects: ['theirs.>'] });
  const before = (await manager.streams.info('THEIRS')).config;
  {
    await using yard = await startYard({ RUNYARD_NATS_URL: urlOf(lab) });
    const run = await runToEnd(yard, cleanrl);
    const status = await health(yard, 'the outbox to be relayed', relayed);
    assert.equal(status.bus_url, `nats://127.0.0.1:${lab.port}`);
    assert.equal(status.bus_external, true);
    const events = await stored<{ seq: number; to: string }>(nc, 'events', run);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, index) => index + 1),
    );
    assert.equal(events.at(-1)?.to, 'done.completed');
    await until(
      async () => (await stored<{ last_seq: number }>(nc, 'metrics', run)).at(-1)?.last_seq === 3,
      'the points of the worker',
    );
    const shown = await execa(runyard, ['status'], {
      env: { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home },
    });
    assert.match(shown.stdout, /^bus_url\tnats:\/\/127\.0\.0\.1:\d+$/m);
    // No server of its own, and the password in no log.
    assert.equal(fs.existsSync(path.join(yard.home, 'bus/address.json')), false);
    const log = fs.readFileSync(path.join(yard.home, 'daemon.test.log'), 'utf8');
    assert.doesNotMatch(log + shown.stdout, /s3cr/);
  }
  // The yard is down.
  const after = await jetstreamManager(nc);
  assert.deepEqual((await after.streams.info('THEIRS')).config, before);
  assert.ok((await after.streams.info('TEST_EVENTS')).state.messages > 0);
  process.kill(lab.pid(), 0);
  await nc.close();
});

test('a token in the address works too', async () => {
  await using lab = await startLabServer('authorization { token: "t0ken" }');
  await using yard = await startYard({ RUNYARD_NATS_URL: `nats://t0ken@127.0.0.1:${lab.port}` });
  const run = await runToEnd(yard, cleanrl);
  await health(yard, 'the outbox to be relayed', relayed);
  // The run does not wait for a bus that its worker has only just reached.
  await until(async () => {
    let seen = 0;
    for await (const { last_seq } of yard.client.metrics(run)) seen = last_seq;
    return seen === 3;
  }, 'the points of the worker');
});

test('the server is restarted with -9 in the middle: every event is there once', async () => {
  await using lab = await startLabServer(withPassword);
  await using yard = await startYard({ RUNYARD_NATS_URL: urlOf(lab) });
  await health(yard, 'the bus', (status) => status.bus_connected);
  const config = { command: ['sh', '-c', 'read x < go; exit 7'], cwd: yard.home };
  await execa('mkfifo', [path.join(yard.home, 'go')]);
  const { run_id: run } = await yard.client.submit(config, { env });
  await until(async () => (await yard.client.get(run)).status === 'running', 'the run to go');
  await lab.restart();
  fs.writeFileSync(path.join(yard.home, 'go'), 'x\n');
  const done = await yard.client.wait(run);
  assert.equal(done.exit_code, 7);
  await health(yard, 'the outbox to be relayed', relayed);
  const nc = await plain(lab);
  const events = await stored<{ seq: number }>(nc, 'events', run);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    Array.from({ length: done.last_seq }, (_, index) => index + 1),
  );
  await nc.close();
});

/** What a yard on that server says of its bus; a run goes to its end all the same. */
async function complaintOf(url: string, settings = {}): Promise<string> {
  await using yard = await startYard({ RUNYARD_NATS_URL: url }, { settings });
  const run = await runToEnd(yard, 'exit 3');
  assert.equal((await yard.client.get(run)).exit_code, 3);
  const status = await health(
    yard,
    'a reason',
    ({ reasons }) => reasons.length > 0 && !reasons[0]?.text.includes('(starting)'),
  );
  assert.equal(status.status, 'degraded');
  return status.reasons.map(({ text }) => text).join('\n');
}

test('a server without JetStream is told plainly, and runs go on', async () => {
  await using lab = await startLabServer(withPassword, { jetstream: false });
  assert.match(await complaintOf(urlOf(lab)), /has no JetStream for this account.*nats-server -js/);
});

test('an account without JetStream on a server that has it is told the same', async () => {
  const users = 'users: [{ user: ana, password: "s3cr%et" }]';
  await using lab = await startLabServer(`accounts { A { ${users} }, B { jetstream: enabled } }`);
  assert.match(await complaintOf(urlOf(lab)), /has no JetStream for this account/);
});

test('a server that is too old is told plainly', async () => {
  await using old = await startOldServer('2.9.25');
  const complaint = await complaintOf(urlOf(old));
  assert.match(complaint, /that nats-server is 2\.9\.25, and 2\.12 or newer is needed/);
});

test('a wrong password is told without the password', async () => {
  await using lab = await startLabServer(withPassword);
  const complaint = await complaintOf(`nats://ana:wr0ng@127.0.0.1:${lab.port}`);
  assert.match(complaint, /nats:\/\/127\.0\.0\.1:\d+ does not work \(.*[Aa]uthorization/);
  assert.doesNotMatch(complaint, /wr0ng/);
});

test('a server that grants too little storage is told with what to change', async () => {
  await using lab = await startLabServer(`${withPassword}\njetstream { max_file: 64MB }`);
  assert.match(await complaintOf(urlOf(lab)), /grants too little .* 1024 MiB .*bus_limit_mib/);
});

test('replicas and places that a server cannot give are told with the settings that ask for them', async () => {
  await using lab = await startLabServer(withPassword);
  const settings = { bus_replicas: 3, bus_cluster: 'east', bus_tags: ['ssd'] };
  assert.match(
    await complaintOf(urlOf(lab), settings),
    /no place for streams with bus_replicas 3, bus_cluster east, bus_tags ssd/,
  );
});

test('a file of bus_creds that is not there is told by its setting', async () => {
  await using lab = await startLabServer(withPassword);
  const settings = { bus_creds: '/nonexistent/daemon.creds' };
  assert.match(await complaintOf(urlOf(lab), settings), /the file of bus_creds cannot be read/);
});

test('a second yard of the same name leaves the streams of the first alone', async () => {
  await using lab = await startLabServer(withPassword);
  await using first = await startYard({ RUNYARD_NATS_URL: urlOf(lab) });
  const run = await runToEnd(first, 'exit 0');
  await health(first, 'the outbox to be relayed', relayed);
  const complaint = await complaintOf(urlOf(lab));
  assert.match(complaint, new RegExp(`TEST_EVENTS .* belongs to .*${first.home}.*RUNYARD_YARD`));
  const nc = await plain(lab);
  const events = await stored<{ run_id: string }>(nc, 'events', run);
  assert.equal(events.length, (await first.client.get(run)).last_seq);
  await nc.close();
});

test('streams are found missing or there among more of others than one answer names', async () => {
  await using lab = await startLabServer(withPassword);
  const nc = await plain(lab);
  const manager = await jetstreamManager(nc);
  // One answer names 1,024, in the order of the alphabet.
  const others = Array.from({ length: 1100 }, (_, index) => `A${index}`);
  for (const name of others) {
    await manager.streams.add({ name, subjects: [name], storage: StorageType.Memory });
  }
  assert.equal((await missingStreams(nc, 'test')).length, 6);
  await ensureStreams(nc, 'test', 2 ** 26, () => 'e1');
  assert.deepEqual(await missingStreams(nc, 'test'), []);
  await nc.close();
});

test('doctor looks at an existing server without proving who it is, and shows no password', async () => {
  await using lab = await startLabServer(withPassword);
  await using bare = await startLabServer(withPassword, { jetstream: false });
  await using old = await startOldServer('2.9.25');
  const finding = async (url: string, home = '/nonexistent/home') => {
    const env = { RUNYARD_NATS_URL: url, RUNYARD_HOME: home };
    const { stdout } = await execa(runyard, ['doctor', '--json'], { env, reject: false });
    assert.doesNotMatch(stdout, /s3cr/);
    const { findings } = JSON.parse(stdout) as {
      findings: { part: string; state: string; text: string }[];
    };
    const bus = findings.find(({ part }) => part === 'bus');
    return `${bus?.state}: ${bus?.text}`;
  };
  assert.match(await finding(urlOf(lab)), /^ok: existing server nats:\/\/127\.0\.0\.1:\d+, v2\./);
  assert.match(await finding(urlOf(bare)), /^fail: .* has no JetStream$/);
  assert.match(await finding(urlOf(old)), /^fail: .* v2\.9\.25 is older than 2\.12$/);
  assert.match(await finding('nats://127.0.0.1:1'), /^fail: .*ECONNREFUSED/);
  // In a shell without the address, the daemon's own is asked.
  await using yard = await startYard({ RUNYARD_NATS_URL: urlOf(lab) });
  const there = new RegExp(`^ok: existing server nats://127\\.0\\.0\\.1:${lab.port}, v2\\.`);
  assert.match(await finding('', yard.home), there);
});
