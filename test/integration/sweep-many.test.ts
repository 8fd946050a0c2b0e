/** Thousands of runs in one call: all there once, whatever dies in between, and cheap to look at. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { removeTree } from '../remove-tree.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', FILL: 'x'.repeat(3000) };
const cell = (yard: Yard, seed: number, more: object = {}) => ({
  key: `sweep:${seed}`,
  config: {
    ...{ command: ['sleep', '600'], cwd: yard.home, group: 'all', hold: true },
    ...{ params: { seed: String(seed) }, ...more },
  },
});

async function seedsOf(yard: Yard): Promise<number[]> {
  const seeds: number[] = [];
  for await (const { params } of yard.client.list({ all: true, group: 'all', limit: 100_000 }))
    seeds.push(Number(params.seed));
  return seeds.sort((a, b) => a - b);
}

async function stopAll(yard: Yard): Promise<void> {
  for await (const _ of yard.client.stopGroup('all'));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed);

test('2,000 runs are submitted in one call, listed, counted and stopped', async () => {
  await using yard = await startYard();
  const { client } = yard;
  const ids: string[] = [];
  const submits = upTo(2000).map((seed) => cell(yard, seed));
  for await (const { run_id, created } of client.submitMany(submits, { env })) {
    assert(created);
    ids.push(run_id);
  }
  assert.equal(new Set(ids).size, 2000);
  assert.deepEqual(await seedsOf(yard), upTo(2000));
  const group = await client.group('all');
  assert.deepEqual(
    [group.state, group.runs, group.queued, group.held],
    ['queued', 2000, 2000, 2000],
  );
  // Each has its environment, although most share a file.
  for (const id of [ids[0], ids[1], ids[1999]])
    assert.match(
      fs.readFileSync(path.join(yard.home, 'runs', id ?? '', 'env'), 'utf8'),
      /FILL=xxx/,
    );
  const again: boolean[] = [];
  for await (const { created } of client.submitMany(submits, { env })) again.push(created);
  assert.deepEqual(new Set(again), new Set([false]));
  await stopAll(yard);
  assert.equal((await client.group('all')).cancelled, 2000);
});

test('a daemon that dies while it takes a sweep in has taken each run once when it is back', async () => {
  const points = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-points-'));
  try {
    for (const point of ['submit.written', 'submit.committed', 'submit.synced']) {
      await using yard = await startYard({ RUNYARD_FAILPOINTS: points });
      const handles = new Set<string>();
      let away = 0;
      const submits = upTo(600).map((seed) => cell(yard, seed));
      const back = until(() => !fs.existsSync(`/proc/${yard.daemonPid()}`), 'its death', 60_000);
      const up = back.then(() => yard.up());
      const onDisconnect = (): void => {
        away += 1;
      };
      for await (const { run_id } of yard.client.submitMany(submits, { env, onDisconnect })) {
        // Some are on the disk, and most are not there yet.
        if (handles.size === 0) fs.writeFileSync(path.join(points, point), '');
        handles.add(run_id);
      }
      await up;
      assert.equal(handles.size, 600, point);
      assert(away > 0, `${point}: the connection was lost`);
      assert.deepEqual(await seedsOf(yard), upTo(600), point);
      await stopAll(yard);
    }
  } finally {
    removeTree(points);
  }
});

test('nothing is stored while requests still come, nor when the last one is bad', async () => {
  await using yard = await startYard();
  const submits = [...upTo(300).map((seed) => cell(yard, seed)), cell(yard, 300, { gpus: -1 })];
  const call = async (): Promise<void> => {
    for await (const _ of yard.client.submitMany(submits, { env }));
  };
  await assert.rejects(call, (error: Error & { violations: { field: string }[] }) => {
    assert.match(error.message, /1 of 301 runs is refused/);
    assert.match(error.violations[0]?.field ?? '', /^\/300\/gpus/);
    return true;
  });
  await assert.rejects(async () => {
    const twice = [cell(yard, 1), cell(yard, 1)];
    for await (const _ of yard.client.submitMany(twice, { env }));
  }, /1 of 2 runs is refused/);
  assert.deepEqual(await seedsOf(yard), []);
  assert.deepEqual(fs.readdirSync(path.join(yard.home, 'runs')), []);
});

test('whoever watches a group is told of its end, over the death of a daemon', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '2' });
  const go = path.join(yard.home, 'go');
  const script = `until [ -e ${go} ]; do sleep 0.05; done`;
  const submits = upTo(3).map((seed) =>
    cell(yard, seed, { command: ['sh', '-c', script], hold: false }),
  );
  for await (const _ of yard.client.submitMany(submits, { env }));
  const states: string[] = [];
  const watched = (async () => {
    for await (const group of yard.client.watchGroup('all')) states.push(group.state);
  })();
  await until(() => states.includes('running'), 'them to run');
  await yard.crash();
  await yard.up();
  fs.writeFileSync(go, '');
  await watched;
  assert.equal(states.at(-1), 'completed');
  assert.equal(states.filter((state) => state === 'completed').length, 1);
});

test('no member begins another attempt once its group is being stopped', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '4' });
  const { client } = yard;
  const restless = {
    ...{ command: ['sh', '-c', 'exit 1'], hold: false },
    retry: { max: 100, backoff_s: 0 },
  };
  const ids: string[] = [];
  for await (const { run_id } of client.submitMany(
    upTo(600).map((seed) => cell(yard, seed, restless)),
    { env },
  ))
    ids.push(run_id);
  await until(async () => (await client.get(ids[0] ?? '')).attempt > 2, 'them to go round');
  await stopAll(yard);
  const events = [];
  for (const id of ids) events.push(...(await yard.events(id)));
  const stops = events.filter(({ event }) => event === 'run.stop').map(({ pos }) => pos);
  const begun = events.filter(
    ({ event, pos }) => event === 'run.grant' && pos > Math.min(...stops),
  );
  assert.deepEqual(begun, []);
  const { cancelled, runs, state } = await client.group('all');
  assert.deepEqual([cancelled, state], [runs, 'cancelled']);
});
