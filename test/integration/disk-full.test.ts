import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { LogGap } from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';
import { isAlive } from '../../src/rundir/index.ts';
import { stored, storedWhenWhole } from './bus-reader.ts';
import { mountSmallDisk } from './small-disk.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
const settings = { disk_floor_mib: 12, bus_limit_mib: 32, parallel: 3 };

/** Numbers its lines, each with a point, until a file appears; then exits with a code. */
const counting = `i=0
while [ ! -e "$0" ]; do
  i=$((i+1)); echo "global_step=$i, episodic_return=[$i.]"; sleep 0.02
done
exit "$1"`;

type Batch = { points: { seq: number; step: number; id: string }[] };

async function submitCounting(yard: Yard, go: string, code: number): Promise<string> {
  const command = ['sh', '-c', counting, go, String(code)];
  return (await yard.client.submit({ command, cwd: '/' }, { env })).run_id;
}

async function busPoints(yard: Yard, run: string): Promise<Batch['points']> {
  return (await stored<Batch>(yard, 'METRICS', run)).flatMap(({ points }) => points);
}

/** Every line that the trainer wrote is there, or lies in a gap that is told. */
async function assertLinesOrGaps(yard: Yard, run: string): Promise<void> {
  const numbers: number[] = [];
  const gaps: LogGap[] = [];
  for await (const chunk of yard.client.logs(run)) {
    gaps.push(...chunk.gaps);
    numbers.push(...chunk.lines.map(({ text }) => Number(/^global_step=(\d+),/.exec(text)?.[1])));
  }
  const whole = numbers.filter((number) => !Number.isNaN(number));
  const missing = (whole.at(-1) ?? 0) - whole.length;
  assert.ok(whole.length > 0);
  assert.ok(
    missing <= 0 || gaps.some(({ reason, bytes }) => reason === 'disk_full' && bytes > 0),
    `${missing} lines are missing, gaps: ${JSON.stringify(gaps)}`,
  );
}

async function codeOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return 'none';
  } catch (error) {
    return error instanceof RunyardError ? error.code : String(error);
  }
}

/** Three runs that are live and one that waits. */
async function startRuns(yard: Yard, go: (name: string) => string) {
  const ends = await submitCounting(yard, go('ends'), 3);
  const goesOn = await submitCounting(yard, go('goes on'), 5);
  const isStopped = await submitCounting(yard, go('never'), 0);
  const waits = await submitCounting(yard, go('waits'), 0);
  for (const run of [ends, goesOn, isStopped]) {
    await until(async () => (await busPoints(yard, run)).length > 0, 'points on the bus');
  }
  assert.equal((await yard.client.get(waits)).status, 'queued');
  return { ends, goesOn, isStopped, waits };
}

/** What the daemon promises while nothing can be written. */
async function assertDegraded(yard: Yard, runs: Awaited<ReturnType<typeof startRuns>>) {
  const sick = await until(async () => {
    const health = await yard.client.health();
    return health.reasons.some(({ part }) => part === 'disk') ? health : null;
  }, 'the full disk to be noticed');
  assert.equal(sick.status, 'degraded');
  assert.match(
    sick.reasons[0]?.text ?? '',
    /MiB are free .* new runs are refused, live ones go on/,
  );
  const refused = yard.client.submit({ command: ['true'], cwd: '/' }, { env });
  assert.equal(await codeOf(refused), 'disk_full');
  const waiting = await yard.client.get(runs.waits);
  assert.equal(waiting.status, 'queued');
  assert.match(waiting.why, /MiB are free/);
}

test('F10 F6: on a full disk live runs go on and end truly, new ones are refused; then all resumes', async (t) => {
  await using disk = await mountSmallDisk(t, 96);
  if (disk === null) return;
  const home = path.join(disk.dir, 'home');
  fs.mkdirSync(home);
  const away = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-go-'));
  t.after(() => fs.rmSync(away, { recursive: true }));
  const go = (name: string): string => path.join(away, name);
  await using yard = await startYard({}, { home, settings });
  await until(async () => (await yard.client.health()).bus_connected, 'the bus');
  const runs = await startRuns(yard, go);
  const before = await busPoints(yard, runs.goesOn);
  const { pid } = await yard.client.get(runs.goesOn);

  disk.fill();
  await assertDegraded(yard, runs);
  fs.writeFileSync(go('ends'), '');
  const ended = await yard.client.wait(runs.ends);
  assert.deepEqual([ended.status, ended.exit_code], ['failed', 3]);
  await yard.client.stop(runs.isStopped, { reason: 'the disk is full', user: 'ana' });
  const stopped = await yard.client.wait(runs.isStopped);
  assert.deepEqual([stopped.status, stopped.exit_signal], ['cancelled', 'SIGTERM']);
  // A crash in the midst of it: the next daemon comes up on the full disk, too.
  await yard.crash();
  disk.fill();
  await yard.up();
  await assertDegraded(yard, runs);
  const live = await yard.client.get(runs.goesOn);
  assert.deepEqual([live.status, live.pid], ['running', pid]);
  const claim = JSON.parse(fs.readFileSync(yard.attemptFile(runs.goesOn, 'claim'), 'utf8'));
  assert.ok(isAlive(claim));

  disk.clear();
  const healed = Date.now();
  await until(async () => (await yard.client.health()).status === 'ok', 'all to be well', 60_000);
  await until(
    async () => (await yard.client.get(runs.waits)).status === 'running',
    'the run that waited',
  );
  const points = (await busPoints(yard, runs.goesOn)).length;
  await until(
    async () => (await busPoints(yard, runs.goesOn)).length > points,
    'new points',
    60_000,
  );
  t.diagnostic(`all resumed ${Date.now() - healed} ms after there was space again`);
  for (const name of ['goes on', 'waits']) fs.writeFileSync(go(name), '');
  const done = await yard.client.wait(runs.goesOn);
  assert.deepEqual([done.status, done.exit_code], ['failed', 5]);
  assert.equal((await yard.client.wait(runs.waits)).status, 'completed');
  await assertLinesOrGaps(yard, runs.goesOn);

  for (const run of Object.values(runs)) {
    const { last_seq: last } = await yard.client.get(run);
    const seqs = (await yard.events(run)).map(({ seq }) => seq);
    const all = Array.from({ length: last }, (_, index) => index + 1);
    assert.deepEqual(seqs, all);
    const onBus = await storedWhenWhole<{ seq: number }>(yard, 'EVENTS', run, last);
    assert.deepEqual(
      onBus.map(({ seq }) => seq),
      all,
    );
  }
  const after = await busPoints(yard, runs.goesOn);
  assert.deepEqual(after.slice(0, before.length), before, 'what was acknowledged is there');
  assert.deepEqual(
    after.map(({ seq }) => seq),
    after.map((_, index) => index + 1),
  );
});
