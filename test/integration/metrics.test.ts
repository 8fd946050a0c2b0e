/** Points over the API: replayed from anywhere, then live, each once and in order, whoever else reads. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { MetricsOptions } from '../../src/client/index.ts';
import type { MetricBatch, MetricKey, MetricPoint } from '../../src/contracts/index.ts';
import { runDir } from '../../src/rundir/index.ts';
import { deleteStream } from './bus-reader.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

/** Appends so many steps of two metrics each; then, once a file is there, one more of each, and ends. */
const writing = `
import json, os, sys, time
steps, go = int(sys.argv[1]), sys.argv[2]
f = open(os.environ['RUNYARD_METRICS'], 'a', buffering=1 << 20)
for i in range(1, steps + 1):
    f.write(json.dumps({'step': i, 'charts/return': i % 100, 'loss': 'NaN' if i % 50 == 0 else 1 / i}) + '\\n')
f.flush()
while not os.path.exists(go): time.sleep(0.02)
f.write(json.dumps({'step': steps + 1, 'charts/return': -1, 'loss': 7}) + '\\n')
f.close()`;

async function startWriting(yard: Yard, steps: number, name = 'go') {
  const go = path.join(yard.home, name);
  const config = { command: ['python3', '-c', writing, String(steps), go], cwd: yard.home };
  const { run_id: run } = await yard.client.submit(config, { env });
  return { run, end: () => fs.writeFileSync(go, '') };
}

/** All batches; each range begins where the one before it ended. */
async function read(yard: Yard, run: string, options: MetricsOptions = {}): Promise<MetricBatch[]> {
  const batches: MetricBatch[] = [];
  for await (const batch of yard.client.metrics(run, options)) batches.push(batch);
  return batches;
}
async function pointsOf(yard: Yard, run: string, options: MetricsOptions = {}) {
  return (await read(yard, run, options)).flatMap(({ points }) => points);
}
const seqs = (points: readonly MetricPoint[]): number[] => points.map(({ seq }) => seq);
const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
const whenThere = (yard: Yard, run: string, count: number): Promise<unknown> =>
  until(
    async () => (await pointsOf(yard, run, { fromSeq: count })).length > 0,
    `${count} points`,
    60_000,
  );
async function keysOf(yard: Yard, run: string, key = ''): Promise<MetricKey[]> {
  const keys: MetricKey[] = [];
  for await (const row of yard.client.metricKeys([run], { key })) keys.push(row);
  return keys;
}
const isKnown = (yard: Yard, run: string, count: number): Promise<unknown> =>
  until(
    async () => (await keysOf(yard, run)).reduce((sum, row) => sum + row.count, 0) === count,
    `${count} points to be known of`,
    60_000,
  );

test('a snapshot, a replay from anywhere, then what comes, each point once and in order', async () => {
  await using yard = await startYard();
  const { run, end } = await startWriting(yard, 3000);
  await whenThere(yard, run, 6000);
  await isKnown(yard, run, 6000);

  const following = (async () => {
    const batches: MetricBatch[] = [];
    for await (const batch of yard.client.metrics(run, { follow: true, snapshot: true })) {
      batches.push(batch);
      if (batch.live) end();
    }
    return batches;
  })();
  const batches = await following;
  const [first] = batches;
  assert.equal(first?.snapshot?.seq, 6000);
  assert.deepEqual(
    first?.snapshot?.keys.map(({ key, count, min, max }) => [key, count, min, max]),
    [
      ['charts/return', 3000, 0, 99],
      ['loss', 3000, 1 / 2999, 1],
    ],
  );
  assert.deepEqual(seqs(batches.flatMap(({ points }) => points)), range(1, 6002));
  const live = batches.findIndex((batch) => batch.live);
  const afterwards = batches.slice(live).flatMap(({ points }) => points);
  assert.deepEqual(seqs(afterwards), [6001, 6002]);
  assert.equal(batches.filter((batch) => batch.live).length, 1);

  for (const fromSeq of [1, 2, 1999, 2000, 2001, 4321, 6002])
    assert.deepEqual(seqs(await pointsOf(yard, run, { fromSeq })), range(fromSeq, 6002));
  assert.deepEqual(await pointsOf(yard, run, { fromSeq: 6003 }), []);
  assert.deepEqual(seqs(await pointsOf(yard, run, { last: 5 })), range(5998, 6002));
  const some = { last: 3, key: '*/return' };
  assert.deepEqual(seqs(await pointsOf(yard, run, some)), [5997, 5999, 6001]);
  const rare = await pointsOf(yard, run, { last: 2, key: 'nothing' });
  assert.deepEqual(rare, []);
  const losses = await pointsOf(yard, run, { key: 'loss' });
  assert.deepEqual(
    seqs(losses),
    range(1, 3001).map((step) => 2 * step),
  );
  assert.equal(losses.filter(({ value }) => Number.isNaN(value)).length, 60);
  assert.deepEqual(await pointsOf(yard, run, { source: 'stdout' }), []);
  assert.equal((await pointsOf(yard, run, { source: 'runyard' })).length, 6002);
});

test('a long history comes thinned when it is asked for, and the answer says so', async () => {
  await using yard = await startYard();
  const { run, end } = await startWriting(yard, 2000);
  end();
  await yard.client.wait(run);
  await whenThere(yard, run, 4002);
  const all = await pointsOf(yard, run);
  const batches = await read(yard, run, { thin: 10 });
  assert.ok(batches.every(({ thinned }) => thinned?.width === 401));
  assert.equal(
    batches.reduce((sum, { thinned }) => sum + (thinned?.points ?? 0), 0),
    4002,
  );
  for (const { first_seq, last_seq, points } of batches) {
    const there = all.filter(({ seq }) => seq >= first_seq && seq <= last_seq);
    for (const key of ['loss', 'charts/return']) {
      const of = (from: MetricPoint[]) =>
        from.filter((point) => point.key === key).map(({ value }) => value);
      const numbers = (from: MetricPoint[]) => of(from).filter((value) => !Number.isNaN(value));
      assert.equal(of(points).at(-1), of(there).at(-1));
      assert.equal(Math.min(...numbers(points)), Math.min(...numbers(there)));
      assert.equal(Math.max(...numbers(points)), Math.max(...numbers(there)));
      assert.ok(of(points).length <= 3);
    }
  }
  assert.ok((await read(yard, run)).every(({ thinned }) => thinned === null));
});

test('what the bus has lost is served from the run’s files, and what neither has is told', async () => {
  await using yard = await startYard();
  const { run, end } = await startWriting(yard, 5000);
  end();
  await yard.client.wait(run);
  await isKnown(yard, run, 10_002);
  await deleteStream(yard, 'METRICS');
  assert.deepEqual(seqs(await pointsOf(yard, run)), range(1, 10_002));
  assert.deepEqual(seqs(await pointsOf(yard, run, { fromSeq: 9000 })), range(9000, 10_002));
  assert.deepEqual(seqs(await pointsOf(yard, run, { follow: true })), range(1, 10_002));

  const file = path.join(runDir(yard.home, run), 'metrics.jsonl');
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  fs.writeFileSync(file, [...lines.slice(99, 4000), ...lines.slice(6000)].join('\n'));
  // The daemon has to see first that the stream is gone, and makes it anew.
  const batches = await until(async () => {
    const found = await read(yard, run);
    const reasons = found.flatMap(({ gaps }) => gaps.map(({ reason }) => reason));
    return reasons.every((reason) => reason === 'bus_lost') ? found : null;
  }, 'the stream to be made anew');
  const gaps = batches.flatMap((batch) => batch.gaps);
  assert.deepEqual(gaps, [
    { first_seq: 1, last_seq: 99, reason: 'bus_lost' },
    { first_seq: 4001, last_seq: 6000, reason: 'bus_lost' },
  ]);
  const points = batches.flatMap((batch) => batch.points);
  assert.deepEqual(seqs(points), [...range(100, 4000), ...range(6001, 10_002)]);

  // As it is when the oldest of the files went.
  fs.renameSync(file, file.replace('metrics.jsonl', 'metrics.2.jsonl'));
  const [first] = (await read(yard, run)).flatMap((batch) => batch.gaps);
  assert.deepEqual(first, { first_seq: 1, last_seq: 99, reason: 'evicted' });
});

test('a follower goes on behind its last point when the stream is made anew, and while the bus is away', async () => {
  await using yard = await startYard();
  const { run, end } = await startWriting(yard, 500);
  await whenThere(yard, run, 1000);
  const found: MetricPoint[] = [];
  const following = (async () => {
    for await (const { points, live } of yard.client.metrics(run, { follow: true })) {
      found.push(...points);
      if (!live) continue;
      await deleteStream(yard, 'METRICS');
      const { identity } = JSON.parse(
        fs.readFileSync(path.join(yard.home, 'bus/address.json'), 'utf8'),
      ) as { identity: { pid: number } };
      process.kill(identity.pid, 'SIGKILL');
      end();
    }
  })();
  await following;
  assert.deepEqual(seqs(found), range(1, 1002));
});

test('who asks right after the end of a run gets its last points too', async () => {
  await using yard = await startYard();
  const burst = `
import json, os
with open(os.environ['RUNYARD_METRICS'], 'a', buffering=1 << 20) as f:
    for i in range(100000): f.write(json.dumps({'step': i, 'x': i}) + '\\n')`;
  const config = { command: ['python3', '-c', burst], cwd: yard.home };
  const { run_id: run } = await yard.client.submit(config, { env });
  assert.equal((await yard.client.wait(run)).status, 'completed');
  const [keys, points] = await Promise.all([keysOf(yard, run), pointsOf(yard, run)]);
  assert.deepEqual(
    keys.map(({ key, count, last }) => ({ key, count, last })),
    [{ key: 'x', count: 100_000, last: 99_999 }],
  );
  assert.equal(points.length, 100_000);
});
