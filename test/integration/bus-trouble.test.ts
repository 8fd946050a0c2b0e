import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { RunEvent } from '../../src/contracts/index.ts';
import { isAlive } from '../../src/rundir/index.ts';
import { deleteStream, stored, storedWhenWhole } from './bus-reader.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

/** Prints numbered points until a file appears. */
const pointing = `i=0
while [ ! -e "$0" ]; do i=$((i+1)); echo "global_step=$i, episodic_return=[$i.]"; sleep 0.02; done`;

type Event = Pick<RunEvent, 'seq' | 'to'> & { epoch: string };
type Batch = { points: { seq: number }[] };
type Lines = { lines: { seq: number }[]; skipped: { first_seq: number; last_seq: number }[] };

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

async function startPointing(yard: Yard, name: string) {
  const go = path.join(yard.home, name);
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', pointing, go], cwd: yard.home },
    { env },
  );
  return { run, end: () => fs.writeFileSync(go, '') };
}

function busIdentity(yard: Yard) {
  return JSON.parse(fs.readFileSync(path.join(yard.home, 'bus/address.json'), 'utf8')).identity;
}

function onBus(yard: Yard): Promise<unknown> {
  return until(
    async () => {
      const { bus_connected: connected, outbox_depth: depth } = await yard.client.health();
      return connected && depth === 0;
    },
    'the bus to have everything',
    60_000,
  );
}

async function pointsOf(yard: Yard, run: string): Promise<number[]> {
  const batches = await stored<Batch>(yard, 'METRICS', run);
  return batches.flatMap(({ points }) => points.map(({ seq }) => seq));
}

async function linesOf(yard: Yard, run: string): Promise<number[]> {
  const batches = await stored<Lines>(yard, 'LOGS', run);
  return batches.flatMap(({ lines }) => lines.map(({ seq }) => seq));
}

/** All events, lines and points of an ended run are on the bus, once and in order. */
async function assertPublished(yard: Yard, run: string): Promise<string> {
  const { last_seq: last } = await yard.client.get(run);
  const events = await storedWhenWhole<Event>(yard, 'EVENTS', run, last);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    upTo(last),
  );
  let count = 0;
  for await (const { lines } of yard.client.logs(run)) count += lines.length;
  const whole = async (of: typeof linesOf) => (await of(yard, run)).length >= count;
  await until(() => whole(linesOf), `${count} lines on the bus`, 60_000);
  await until(() => whole(pointsOf), `${count} points on the bus`, 60_000);
  assert.deepEqual(await linesOf(yard, run), upTo(count));
  assert.deepEqual(await pointsOf(yard, run), upTo(count));
  return events[0]?.epoch ?? '';
}

test('F10: a bus that was stopped is told, blocks no submit, no stop and no end, and is replaced', async () => {
  await using yard = await startYard();
  await onBus(yard);
  const before = await startPointing(yard, 'before');
  await until(async () => (await pointsOf(yard, before.run)).length > 0, 'points');
  const identity = busIdentity(yard);
  process.kill(identity.pid, 'SIGSTOP');
  const during = await startPointing(yard, 'during');
  await until(async () => (await yard.client.get(during.run)).state === 'running.live', 'a start');
  before.end();
  const ended = await yard.client.wait(before.run);
  assert.equal(ended.status, 'completed');
  // Read from the recorder's files, although nothing could be published.
  assert.match(ended.last_metric, /^return \d+$/);
  await yard.client.stop(during.run);
  assert.equal((await yard.client.wait(during.run)).status, 'cancelled');
  await until(async () => {
    const { reasons } = await yard.client.health();
    return reasons.some(({ part }) => part === 'bus') || busIdentity(yard).pid !== identity.pid;
  }, 'the trouble to be told');
  await until(() => !isAlive(identity), 'the stopped server to be replaced', 60_000);
  await onBus(yard);
  await assertPublished(yard, before.run);
  await assertPublished(yard, during.run);
});

test('F10: a wiped bus gets every event again under a new epoch, and what live runs wrote', async () => {
  await using yard = await startYard();
  await onBus(yard);
  const { run_id: old } = await yard.client.submit({ command: ['true'], cwd: '/' }, { env });
  await yard.client.wait(old);
  const live = await startPointing(yard, 'live');
  await until(async () => (await pointsOf(yard, live.run)).length > 0, 'points');
  await onBus(yard);
  const [first] = await stored<Event>(yard, 'EVENTS', old);
  const identity = busIdentity(yard);
  process.kill(identity.pid, 'SIGKILL');
  fs.rmSync(path.join(yard.home, 'bus/store'), { recursive: true, force: true });
  await until(() => busIdentity(yard).pid !== identity.pid, 'another server');
  await onBus(yard);
  const again = await storedWhenWhole<Event>(yard, 'EVENTS', old, 1);
  assert.notEqual(again[0]?.epoch, first?.epoch);
  live.end();
  await yard.client.wait(live.run);
  await assertPublished(yard, live.run);
  const { last_seq: last } = await yard.client.get(old);
  const events = await storedWhenWhole<Event>(yard, 'EVENTS', old, last);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    upTo(last),
  );
});

test('F10: streams that somebody deleted are made anew and filled, while the bus is up', async () => {
  await using yard = await startYard();
  await onBus(yard);
  const live = await startPointing(yard, 'live');
  await until(async () => (await pointsOf(yard, live.run)).length > 0, 'points');
  await onBus(yard);
  const [first] = await stored<Event>(yard, 'EVENTS', live.run);
  for (const stream of ['EVENTS', 'LOGS', 'METRICS'] as const) await deleteStream(yard, stream);
  const [again] = await storedWhenWhole<Event>(yard, 'EVENTS', live.run, 1);
  assert.notEqual(again?.epoch, first?.epoch);
  live.end();
  await yard.client.wait(live.run);
  await assertPublished(yard, live.run);
});

test('F10: with no bus at all, runs start, stop and finish', async () => {
  await using yard = await startYard({ RUNYARD_NATS_URL: 'nats://127.0.0.1:1' });
  const live = await startPointing(yard, 'live');
  const other = await startPointing(yard, 'other');
  for (const { run } of [live, other]) {
    await until(async () => (await yard.client.get(run)).state === 'running.live', 'a start');
  }
  const { status, reasons } = await yard.client.health();
  assert.equal(status, 'degraded');
  assert.deepEqual(
    reasons.map(({ part }) => part),
    ['bus'],
  );
  await yard.client.stop(other.run);
  assert.equal((await yard.client.wait(other.run)).status, 'cancelled');
  live.end();
  const done = await yard.client.wait(live.run);
  assert.equal(done.status, 'completed');
  assert.match(done.last_metric, /^return \d+$/);
});
