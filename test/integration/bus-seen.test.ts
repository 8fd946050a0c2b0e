/** What the bus holds and who reads it, as the API tells. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { execa } from 'execa';
import { ask, consoleOf, tokenOf } from './http-fixture.ts';
import { startYard, until } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
const points = 300;
const script = `i=0; while [ $i -lt ${points} ]; do i=$((i+1)); echo "loss=0.5 step=$i"; done`;

test('streams are told with their limits, and a subscriber with its lag, over gRPC and over HTTP', async () => {
  await using yard = await startYard();
  const { client } = yard;
  const run = { command: ['sh', '-c', script] as [string, ...string[]], cwd: yard.home };
  const { run_id: id } = await client.submit(run, { env: {} });
  const { last_seq: events } = await client.wait(id);
  const streamOf = async (holds: string) => {
    const all = await Array.fromAsync(client.busStreams());
    return all.find((each) => each.holds === holds) ?? assert.fail(holds);
  };
  await until(async () => (await client.health()).bus_connected, 'the bus');
  await until(async () => (await streamOf('events')).messages === events, 'all events');
  const stream = await streamOf('events');
  assert.equal(stream.name, 'TEST_EVENTS');
  assert.deepEqual([stream.first_seq, stream.last_seq, stream.gone], [1, events, 0]);
  assert.equal(stream.runs, 1);
  assert.ok(stream.bytes > 0 && stream.bytes < stream.max_bytes && stream.max_per_run > 0);
  assert.match(stream.epoch, /^[0-9a-f-]{36}$/);
  assert.ok(Date.parse(stream.first_at) <= Date.parse(stream.last_at));

  const { url, user, password: pass } = await client.exportReader('board');
  const nc = await connect({ servers: url, user, pass });
  try {
    const consumer = await jetstream(nc, { checkAPI: false }).consumers.get('TEST_EVENTS', {
      filter_subjects: `test.runs.${id}.events`,
      deliver_policy: DeliverPolicy.All,
      name_prefix: 'board',
    });
    const messages = await consumer.fetch({ max_messages: 2, expires: 20_000 });
    let seen = 0;
    for await (const _ of messages) {
      seen += 1;
      if (seen === 2) break;
    }
    const one = await until(async () => {
      const all = await Array.fromAsync(client.subscribers());
      return all.find(({ name, seq }) => name.startsWith('board') && seq === 2);
    }, 'the subscriber');
    assert.deepEqual([one.stream, one.ours, one.lag], ['TEST_EVENTS', false, events - 2]);
    assert.deepEqual(one.subjects, [`test.runs.${id}.events`]);
    const others = await Array.fromAsync(client.subscribers());
    assert.deepEqual(
      others.filter(({ ours, name }) => !ours && name !== one.name),
      [],
    );

    // The same over HTTP.
    const address = await consoleOf(yard);
    const headers = { authorization: `Bearer ${tokenOf(yard)}` };
    const { text } = await ask(address, '/api/bus/subscribers', { headers });
    const told = JSON.parse(text).subscribers as { name: string; lag: number }[];
    assert.equal(told.find(({ name }) => name === one.name)?.lag, events - 2);
    const readers = await ask(address, '/api/bus/readers', { headers });
    assert.deepEqual(
      JSON.parse(readers.text).readers.map(({ name }: { name: string }) => name),
      ['board'],
    );
  } finally {
    await nc.close();
  }

  // What was removed with its run is gone, and counted.
  await client.remove(id);
  const metrics = await until(async () => {
    const now = await streamOf('metrics');
    return now.messages === 0 && now.last_seq > 0 ? now : null;
  }, 'its points to go');
  assert.equal(metrics.gone, metrics.last_seq);
  assert.equal(metrics.first_at, '');
});

test('an event that the stream has lost is told by its run, and doctor says what to do', async () => {
  await using yard = await startYard();
  const { client } = yard;
  const run = { command: ['true'] as [string, ...string[]], cwd: yard.home };
  const ids: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const { run_id: id } = await client.submit(run, { env: {} });
    await client.wait(id);
    ids.push(id);
  }
  const compared = async () => {
    const all = await Array.fromAsync(client.busStreams());
    const { compared, behind } = all.find(({ holds }) => holds === 'events') ?? assert.fail();
    return { compared, behind };
  };
  await until(async () => {
    const { bus_connected: connected, outbox_depth: waiting } = await client.health();
    return connected && waiting === 0;
  }, 'all to be published');
  assert.deepEqual(await compared(), { compared: 3, behind: '' });

  const read = (name: string) =>
    JSON.parse(fs.readFileSync(path.join(yard.home, 'bus', name), 'utf8'));
  const { user, password: pass } = read('credentials.json').daemon;
  const nc = await connect({ servers: read('address.json').url, user, pass });
  const [first = ''] = ids;
  const subject = `test.runs.${first}.events`;
  const newest = await nc.request(
    '$JS.API.STREAM.MSG.GET.TEST_EVENTS',
    JSON.stringify({ last_by_subj: subject }),
  );
  const { seq } = newest.json<{ message: { seq: number } }>().message;
  await nc.request('$JS.API.STREAM.MSG.DELETE.TEST_EVENTS', JSON.stringify({ seq }));
  await nc.close();
  const { last_seq: events } = await client.get(first);
  const { behind } = await compared();
  assert.equal(behind, `run ${first}: event ${events} is not there, the newest is ${events - 1}`);
  const env = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, PATH: process.env.PATH ?? '' };
  const { stdout } = await execa(runyard, ['doctor', '--json'], { env, reject: false });
  const { findings } = JSON.parse(stdout) as {
    findings: { part: string; state: string; text: string }[];
  };
  const found = findings.find(({ part }) => part === 'stream') ?? assert.fail();
  assert.equal(found.state, 'warn');
  assert.match(found.text, new RegExp(`lacks what was published: run ${first}`));
});
