/** What is kept of points and events beside the bus: in the run's directory and in the registry. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import type { MetricKey } from '../../src/contracts/index.ts';
import { arm } from '../../src/failpoints.ts';
import { runDir } from '../../src/rundir/index.ts';
import { deleteStream } from './bus-reader.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

async function keysOf(yard: Yard, run: string): Promise<MetricKey[]> {
  const keys: MetricKey[] = [];
  for await (const row of yard.client.metricKeys([run])) keys.push(row);
  return keys;
}
const isKnown = (yard: Yard, run: string, count: number): Promise<unknown> =>
  until(
    async () => (await keysOf(yard, run)).reduce((sum, row) => sum + row.count, 0) === count,
    `${count} points of ${run} to be known of`,
    120_000,
  );
const shown = (keys: MetricKey[]) =>
  keys.map(({ key, count, last, min, max, step }) => [key, count, last, min, max, step]);
function seqsIn(yard: Yard, run: string, file: string): number[] {
  const text = fs.readFileSync(path.join(runDir(yard.home, run), file), 'utf8');
  assert.ok(text.endsWith('\n'));
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => (JSON.parse(line) as { seq: number }).seq);
}

/** Each step two lines of output with a point, until a file is there. */
const printing = `i=0
while [ ! -e "$0" ]; do i=$((i+1)); echo "global_step=$i, episodic_return=[$((i % 10)).]"; sleep 0.02; done
echo "global_step=$((i+1)), episodic_return=[-5.]"`;

test('a daemon that is killed again and again keeps each point and each event once', async () => {
  const failpoints = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'runyard-fail-'));
  await using yard = await startYard({ RUNYARD_FAILPOINTS: failpoints });
  const go = path.join(yard.home, 'go');
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', printing, go], cwd: yard.home },
    { env },
  );
  for (let kill = 0; kill < 3; kill += 1) {
    const before = (await keysOf(yard, run))[0]?.count ?? 0;
    await until(async () => ((await keysOf(yard, run))[0]?.count ?? 0) > before, 'points', 60_000);
    arm(failpoints, 'telemetry.synced');
    const pid = yard.daemonPid();
    await until(() => !fs.existsSync(`/proc/${pid}`), 'the daemon to die', 60_000);
    await yard.up();
  }
  fs.writeFileSync(go, '');
  await yard.client.wait(run);
  let count = 0;
  for await (const { points } of yard.client.metrics(run, { follow: true })) count += points.length;
  await isKnown(yard, run, count);
  assert.deepEqual(seqsIn(yard, run, 'metrics.jsonl'), upTo(count));
  const [key] = await keysOf(yard, run);
  assert.deepEqual([key?.last, key?.min, key?.seq], [-5, -5, count]);
  const { last_seq: last } = await yard.client.get(run);
  await until(() => seqsIn(yard, run, 'events.jsonl').length === last, 'all events', 60_000);
  assert.deepEqual(seqsIn(yard, run, 'events.jsonl'), upTo(last));
  fs.rmSync(failpoints, { recursive: true });
});

test('what is known of metrics outlives the bus and the registry, and is listed and compared', async () => {
  await using yard = await startYard();
  const script = `import json, os, sys
seed, lr = int(sys.argv[2]), float(sys.argv[4])
f = open(os.environ['RUNYARD_METRICS'], 'a')
for i in range(1, 101):
    f.write(json.dumps({'step': i, 'eval/return': i * lr + seed, 'loss': 'NaN' if i == 100 else 1 / i}) + '\\n')`;
  const file = path.join(yard.home, 'train.py');
  fs.writeFileSync(file, script);
  const runs: string[] = [];
  for (const [seed, lr] of [
    [1, 2],
    [3, 2],
    [1, 4],
  ]) {
    const command = ['python3', file, '--seed', String(seed), '--lr', String(lr)];
    const config = { command, cwd: yard.home, group: 'seeds' };
    runs.push((await yard.client.submit(config, { env })).run_id);
  }
  for (const run of runs) {
    await yard.client.wait(run);
    await isKnown(yard, run, 200);
  }
  const expected = (seed: number, lr: number) => [
    ['eval/return', 100, 100 * lr + seed, lr + seed, 100 * lr + seed, '100'],
    ['loss', 100, Number.NaN, 1 / 99, 1, '100'],
  ];
  const [first = '', second = '', third = ''] = runs;
  assert.deepEqual(shown(await keysOf(yard, first)), expected(1, 2));

  await yard.crash();
  for (const suffix of ['', '-wal', '-shm'])
    fs.rmSync(path.join(yard.home, `registry.db${suffix}`), { force: true });
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  for (const run of runs) await isKnown(yard, run, 200);
  assert.deepEqual(shown(await keysOf(yard, second)), expected(3, 2));
  await deleteStream(yard, 'METRICS');
  assert.deepEqual(shown(await keysOf(yard, third)), expected(1, 4));

  const ry = async (...args: string[]): Promise<string[]> => {
    const options = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home };
    const { stdout } = await execa(runyard, args, { env: options, stdin: 'ignore' });
    return stdout.split('\n');
  };
  const compared = (await ry('compare', 'g:seeds', '--json')).map((line) => JSON.parse(line));
  assert.deepEqual(
    compared.slice(0, 3).map(({ run_id, differs }) => [run_id, differs]),
    [
      [first, { seed: '1', lr: '2' }],
      [second, { seed: '3', lr: '2' }],
      [third, { seed: '1', lr: '4' }],
    ],
  );
  const over = compared.find(({ type, key }) => type === 'seeds' && key === 'eval/return');
  assert.deepEqual([over.runs, over.n, over.mean], [[first, second], 2, 202]);
  const listed = await ry('ls', '-a', '--metric', 'eval/return');
  assert.deepEqual(listed.map((line) => line.split('\t')[6]).sort(), ['201', '203', '401']);
  const [detail] = await ry('show', third, '--json');
  assert.equal(JSON.parse(detail ?? '{}').metrics.length, 2);
  const keys = await ry('metrics', first, '--keys', '--key', 'loss', '--json');
  assert.deepEqual(
    keys.map((line) => JSON.parse(line).last),
    ['NaN'],
  );
  const last = await ry('metrics', first, '--last', '2', '--key', '*return', '--json');
  assert.deepEqual(
    last.map((line) => JSON.parse(line).value),
    [199, 201],
  );
  const plot = await ry('compare', first, third, '--key', 'eval/*', '--plot');
  assert.ok(
    plot.some((line) => line.includes('┤')) && plot.some((line) => line.includes(`b ${third}`)),
  );
});

test('the metrics of an attempt that was tried again at once are known too', async () => {
  await using yard = await startYard();
  const { client } = yard;
  const script = 'echo "loss=0.$RUNYARD_ATTEMPT"; [ $RUNYARD_ATTEMPT = 3 ] || exit 3';
  const { run_id: run } = await client.submit(
    { command: ['sh', '-c', script], cwd: yard.home, retry: { max: 2, on: [3], backoff_s: 0 } },
    { env },
  );
  assert.equal((await client.wait(run)).status, 'completed');
  for (const attempt of [1, 2, 3]) {
    const known = () => Array.fromAsync(client.metricKeys([run], { attempt }));
    await until(async () => (await known()).length > 0, `attempt ${attempt}`);
    assert.deepEqual(
      (await known()).map(({ key, count, last }) => [key, count, last]),
      [['loss', 1, attempt / 10]],
    );
  }
});
