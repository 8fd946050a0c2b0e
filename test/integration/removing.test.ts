/** Runs that are removed: nothing is left of them but an event, whatever dies in the middle. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { execa } from 'execa';
import { validate } from '../../src/contracts/bus.ts';
import type { RunEvent } from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';
import { arm } from '../../src/failpoints.ts';
import { removeTree } from '../remove-tree.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

const failsWith = (code: string, text = /./) => {
  return (error: unknown) =>
    error instanceof RunyardError && error.code === code && text.test(error.message);
};

/** Prints a point, leaves an artifact, ends. */
const script = 'echo "global_step=1, episodic_return=[9.]"; echo 1 > model.txt';

async function finished(yard: Yard, key = ''): Promise<string> {
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', script], isolate: true, artifacts: ['*.txt'] },
    { env: { PATH: process.env.PATH }, key },
  );
  assert.equal((await yard.client.wait(run)).status, 'completed');
  return run;
}

function joined(yard: Yard, who: 'daemon' | 'worker' = 'daemon'): Promise<NatsConnection> {
  const read = (name: string) => JSON.parse(fs.readFileSync(path.join(yard.home, name), 'utf8'));
  const { user, password: pass } = read('bus/credentials.json')[who];
  return connect({ servers: read('bus/address.json').url, user, pass });
}

/** Messages on the bus of a run, by kind; none while it is away, or slow. */
const onBus = (yard: Yard, run: string) =>
  askBus(yard, run).catch((): Record<string, number> => ({}));

async function askBus(yard: Yard, run: string): Promise<Record<string, number>> {
  const nc = await joined(yard);
  try {
    const jsm = await jetstreamManager(nc);
    const counts: Record<string, number> = {};
    for (const kind of ['EVENTS', 'FACTS', 'LOGS', 'METRICS', 'ARTIFACTS']) {
      const filter = `test.runs.${run}.>`;
      const info = await jsm.streams.info(`TEST_${kind}`, { subjects_filter: filter });
      for (const [subject, count] of Object.entries(info.state.subjects ?? {}))
        counts[subject.split('.').at(-1) ?? ''] = count;
    }
    return counts;
  } finally {
    await nc.close();
  }
}

/** The events of all runs on the bus, in its order. */
const busEvents = (yard: Yard) =>
  until(() => readEvents(yard).catch(() => null), 'the bus', 60_000);

async function readEvents(yard: Yard): Promise<(RunEvent & { detail: object })[]> {
  const nc = await joined(yard);
  try {
    const jsm = await jetstreamManager(nc);
    const { state } = await jsm.streams.info('TEST_EVENTS');
    const events: (RunEvent & { detail: object })[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const found = await jsm.streams.getMessage('TEST_EVENTS', { seq });
      if (found !== null) events.push(found.json());
    }
    return events;
  } finally {
    await nc.close();
  }
}

async function idsOf(yard: Yard): Promise<string[]> {
  const ids: string[] = [];
  for await (const { run_id: id } of yard.client.list({ all: true })) ids.push(id);
  return ids;
}

/** What of the run is on the disk. */
function traces(yard: Yard, run: string): string[] {
  return ['runs', 'runs/.removed', 'artifacts', 'artifacts/.removed']
    .map((dir) => path.join(yard.home, dir, run))
    .filter((file) => fs.existsSync(file));
}

const gone = (yard: Yard, run: string, deadlineMs = 60_000) =>
  until(
    async () => {
      if (traces(yard, run).length > 0 || (await idsOf(yard)).includes(run)) return false;
      // The bus may be away.
      const left = await onBus(yard, run).catch(() => null);
      return JSON.stringify(left) === '{"events":1}';
    },
    'nothing to be left of the run but its last event',
    deadlineMs,
  );

test('a run that is removed is gone everywhere, and those who follow it are told', async () => {
  await using yard = await startYard();
  const [run, stays] = [await finished(yard, 'nightly'), await finished(yard)];
  await until(
    async () => (await onBus(yard, run)).metrics === 2,
    'its points on the bus, and that no more come',
  );
  const followed: RunEvent[] = [];
  const following = (async () => {
    for await (const event of yard.client.events(run)) followed.push(event);
  })();
  await until(() => followed.at(-1)?.to === 'done.completed', 'the follower to be there');
  const removed = await yard.client.remove(run, { user: 'ana', reason: 'a typo' });
  await following;
  const last = followed.at(-1);
  assert.deepEqual(
    [last?.event, last?.from, last?.to, last?.seq, last?.pos],
    ['run.deleted', 'done.completed', 'deleted', followed.length, removed.pos],
  );
  assert.deepEqual(JSON.parse(last?.detail_json ?? ''), { user: 'ana', reason: 'a typo' });
  await gone(yard, run);
  assert.deepEqual(await idsOf(yard), [stays]);
  await assert.rejects(yard.client.get(run), failsWith('run_not_found', /was removed at 20/));
  await assert.rejects(yard.client.remove(run), failsWith('run_not_found'));
  const told = (await busEvents(yard)).filter(({ run_id }) => run_id === run);
  assert.deepEqual(
    told.map(({ event, seq }) => [event, seq]),
    [['run.deleted', removed.seq]],
  );
  assert.deepEqual(validate('event', told[0]), []);
  // Nothing of the others was touched, the relay goes on, and the key is free again.
  await until(async () => (await onBus(yard, stays)).metrics === 2, 'the points of the other');
  const again = await finished(yard, 'nightly');
  assert.notEqual(again, run);
  await until(async () => (await onBus(yard, again)).events ?? 0, 'events after the purge');
  assert.equal((await yard.client.health()).status, 'ok');
});

test('a live run, a pinned one and an unknown one are not removed, and the reason is told', async () => {
  await using yard = await startYard();
  const { run_id: live } = await yard.client.submit({ command: ['sleep', '600'], cwd: yard.home });
  const pinned = await finished(yard);
  await yard.client.pin(pinned, true);
  await assert.rejects(yard.client.remove(live), failsWith('run_not_over', /runyard stop/));
  await assert.rejects(yard.client.remove(pinned), failsWith('run_pinned', /runyard unpin/));
  await assert.rejects(yard.client.remove('nothing'), failsWith('run_not_found'));
  assert.deepEqual((await idsOf(yard)).sort(), [live, pinned].sort());
  assert.ok(traces(yard, pinned).length > 0);
  const ry = (...args: string[]) =>
    execa(runyard, args, { env: { RUNYARD_HOME: yard.home }, reject: false, stdin: 'ignore' });
  const refused = await ry('rm', '@last', live, '--json');
  assert.equal(refused.exitCode, 1);
  await yard.client.pin(pinned, false);
  assert.equal((await ry('rm', pinned)).stdout, pinned);
  assert.deepEqual(await idsOf(yard), [live]);
});

test('a daemon that dies in the middle of a removal leaves the whole run or none of it', async (t) => {
  for (const point of ['rm.aside', 'rm.committed', 'rm.cleared', 'relay.acked'] as const) {
    await t.test(point, async () => {
      const points = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'runyard-points-'));
      try {
        await using yard = await startYard({ RUNYARD_FAILPOINTS: points });
        const run = await finished(yard);
        await until(async () => (await yard.client.health()).outbox_depth === 0, 'the relay');
        arm(points, point);
        await yard.client.remove(run).catch(() => undefined);
        await until(() => !fs.existsSync(`/proc/${yard.daemonPid()}`), 'the daemon to die');
        await yard.up();
        await gone(yard, run);
        const told = (await busEvents(yard)).filter(({ run_id }) => run_id === run);
        assert.deepEqual(
          told.map(({ event }) => event),
          ['run.deleted'],
        );
        const next = await finished(yard);
        await until(async () => (await onBus(yard, next)).events ?? 0, 'events of the next run');
        assert.equal((await yard.client.health()).recovery?.unknown_dirs, 0);
      } finally {
        removeTree(points);
      }
    });
  }
});

test('a run that was removed while the bus was away is taken off it when it is back, and stays gone from a new epoch', async () => {
  await using yard = await startYard();
  const [run, stays] = [await finished(yard), await finished(yard)];
  await until(
    async () => (await onBus(yard, run)).metrics === 2,
    'its points on the bus, and that no more come',
  );
  const address = path.join(yard.home, 'bus', 'address.json');
  const { identity } = JSON.parse(fs.readFileSync(address, 'utf8'));
  process.kill(identity.pid, 'SIGKILL');
  await yard.client.remove(run);
  await gone(yard, run);
  // The stream of events is made anew: it holds what the registry has.
  const nc = await joined(yard);
  await nc.request('$JS.API.STREAM.DELETE.TEST_EVENTS', '');
  await nc.close();
  const done = (await yard.client.get(stays)).last_seq;
  const all = await until(async () => {
    const events = await busEvents(yard);
    return events.some(({ event }) => event === 'run.deleted') ? events : null;
  }, 'the new epoch');
  assert.equal(all.filter(({ run_id }) => run_id === run).length, 1);
  assert.equal(all.filter(({ run_id }) => run_id === stays).length, done);
});

test('what a worker brings to the bus after its run was removed goes too', async () => {
  await using yard = await startYard();
  const run = await finished(yard);
  await yard.client.remove(run);
  await gone(yard, run);
  // As one does that was kept from the bus until now.
  const worker = await joined(yard, 'worker');
  await worker.request(`test.runs.${run}.metrics`, '{}', { timeout: 60_000 });
  await worker.close();
  await gone(yard, run, 120_000);
});

test('a registry that is remade from the directories does not know a removed run', async () => {
  await using yard = await startYard();
  const [run, stays] = [await finished(yard), await finished(yard)];
  await yard.client.remove(run);
  await until(() => traces(yard, run).length === 0, 'its files to be gone');
  await yard.crash();
  for (const suffix of ['', '-wal', '-shm'])
    fs.rmSync(path.join(yard.home, `registry.db${suffix}`), { force: true });
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  assert.deepEqual(await idsOf(yard), [stays]);
});
