/** Stopping: whole trees and nothing but them, whatever dies meanwhile. Trees write their own journals. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { findGroupBase } from '../../src/processes/index.ts';
import { bootId, identityOf, isAlive } from '../../src/rundir/index.ts';
import { fixture } from '../fixtures/trainers/recording.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const tree = fixture('tree.sh');
const graceS = 0.3;
/** Roles that are found by group, session or marker; and those that only a control group gets. */
const findable = ['setsid', 'orphan', 'scrubbed', 'dying', 'hopper'];
const onlyByGroup = ['escaped', 'hopper'];

type Planted = { run: string; journal: string };

/** Submits a tree and waits until its trainer and every role has written its journal. */
async function plant(yard: Yard, roles: readonly string[], grace_s = graceS): Promise<Planted> {
  const journal = path.join(yard.home, `journal-${planted}`);
  planted += 1;
  const command = ['/bin/sh', tree, journal, 'trainer', ...roles];
  const config = { command, cwd: yard.home, stop: { grace_s } };
  const { run_id: run } = await yard.client.submit(config, { env });
  await until(() => grown(journal, roles), `the tree of ${run} to grow`, 90_000);
  return { run, journal };
}
let planted = 0;

function entries(journal: string): { pid: number; start_time: string; role: string }[] {
  if (!fs.existsSync(journal)) return [];
  const lines = fs.readFileSync(journal, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => {
    const [pid = '', start_time = '', role = ''] = line.split(' ');
    return { pid: Number(pid), start_time, role };
  });
}

/** Roles that become another one are seen as that. */
function grown(journal: string, roles: readonly string[]): boolean {
  const own = ['dying', 'hopper'];
  const seen = entries(journal).map(({ role }) => role);
  const others = roles.filter((role) => !own.includes(role)).length;
  return (
    seen.includes('trainer') &&
    own.every((role) => !roles.includes(role) || seen.includes(role)) &&
    seen.filter((role) => role === 'stubborn').length >= others
  );
}

/** What still lives of a tree: by the identities that it wrote down, and by its command line. */
function alive(journal: string): string[] {
  const noted = entries(journal)
    .filter(({ pid, start_time }) => isAlive({ boot_id: bootId(), pid, start_time }))
    .map(({ pid, role }) => `${role} ${pid}`);
  const named = fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandOf(name).includes(`\0${journal}\0`))
    .map((pid) => `process ${pid}`);
  return [...noted, ...named];
}

function commandOf(pid: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Bystanders of the same command line, in this session and in one of their own. */
async function neighbours(t: TestContext, home: string) {
  const journal = path.join(home, 'journal-of-neighbours');
  for (const detached of [false, true]) {
    const child = execa('/bin/sh', [tree, journal, 'stubborn'], { detached, reject: false });
    t.after(() => child.kill('SIGKILL'));
  }
  await until(() => entries(journal).length === 2, 'the neighbours to live');
  return () => entries(journal).map(({ pid }) => identityOf(pid) !== null);
}

async function eventsOf(yard: Yard, run: string): Promise<string[]> {
  return (await yard.events(run)).map(({ event }) => event);
}

function workerOf(yard: Yard, run: string): number {
  const file = yard.attemptFile(run, 'worker.json');
  return JSON.parse(fs.readFileSync(file, 'utf8')).identity.pid as number;
}

test('a second stop changes nothing, and the first one is remembered', async () => {
  await using yard = await startYard();
  const { run, journal } = await plant(yard, ['setsid'], 1);
  await yard.client.stop(run, { reason: 'wrong lr', user: 'ana' });
  const second = await yard.client.stop(run, { reason: 'me too', user: 'ben' });
  assert.equal(second.state, 'stopping.terminating');
  const done = await yard.client.wait(run);
  assert.deepEqual(alive(journal), []);
  const third = await yard.client.stop(run, { reason: 'late', user: 'cem', now: true });
  for (const each of [done, third]) {
    assert.deepEqual([each.stop_user, each.stop_reason], ['ana', 'wrong lr']);
    assert.equal(each.status, 'cancelled');
    assert.equal(each.last_seq, done.last_seq);
  }
  const events = await eventsOf(yard, run);
  assert.equal(events.filter((event) => event === 'grace.ended').length, 1);
});

test('--now skips the grace, at once and in the middle of it', async () => {
  await using yard = await startYard();
  const one = await plant(yard, ['setsid'], 3600);
  await yard.client.stop(one.run, { now: true });
  assert.equal((await yard.client.wait(one.run)).exit_signal, 'SIGKILL');
  assert.deepEqual(alive(one.journal), []);

  const two = await plant(yard, ['setsid'], 3600);
  assert.equal((await yard.client.stop(two.run)).state, 'stopping.terminating');
  await yard.client.stop(two.run, { now: true });
  assert.equal((await yard.client.wait(two.run)).exit_signal, 'SIGKILL');
  assert.deepEqual(alive(two.journal), []);
  assert.ok(!(await eventsOf(yard, two.run)).includes('grace.ended'));
});

test('a worker that dies in the middle of stopping is replaced, and the tree still ends', async () => {
  await using yard = await startYard();
  const { run, journal } = await plant(yard, findable, 2);
  await yard.client.stop(run, { user: 'ana' });
  process.kill(workerOf(yard, run), 'SIGKILL');
  const done = await yard.client.wait(run);
  assert.deepEqual([done.status, done.stop_user], ['cancelled', 'ana']);
  assert.deepEqual(alive(journal), []);
});

test('a daemon that dies in the middle of stopping goes on with it when it is back', async () => {
  await using yard = await startYard();
  const early = await plant(yard, findable, 2);
  const late = await plant(yard, findable, 0);
  await yard.client.stop(early.run, { user: 'ana' });
  await yard.client.stop(late.run, { user: 'ben' });
  await yard.crash();
  await yard.up();
  for (const [{ run, journal }, user] of [
    [early, 'ana'],
    [late, 'ben'],
  ] as const) {
    const done = await yard.client.wait(run);
    assert.deepEqual([done.status, done.stop_user], ['cancelled', user]);
    assert.deepEqual(alive(journal), []);
  }
});

/** Stops `count` trees, some at a time, and looks for survivors after each and for harm at the end. */
async function stopMany(
  t: TestContext,
  options: { cgroup: string; count: number; roles: readonly string[] },
): Promise<void> {
  const { cgroup, count, roles } = options;
  const atOnce = 10;
  await using yard = await startYard({
    RUNYARD_CGROUP: cgroup,
    RUNYARD_PARALLEL: String(atOnce + 1),
  });
  const unharmed = await neighbours(t, yard.home);
  const spared = await plant(yard, ['setsid', 'orphan']);
  const before = alive(spared.journal).filter((text) => !text.startsWith('process'));
  const survivors: string[] = [];
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      const { run, journal } = await plant(yard, roles);
      await yard.client.stop(run);
      const done = await yard.client.wait(run);
      assert.equal(done.status, 'cancelled');
      survivors.push(...alive(journal));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  assert.deepEqual(survivors, []);
  assert.deepEqual(unharmed(), [true, true]);
  const after = alive(spared.journal).filter((text) => !text.startsWith('process'));
  assert.deepEqual(after, before);
  assert.equal(before.length, 3);
}

test('200 stops without control groups: no survivor, no neighbour hurt', async (t) => {
  await stopMany(t, { cgroup: 'none', count: 200, roles: findable });
});

test('60 stops with control groups, of trees that nothing else would find', async (t) => {
  if (findGroupBase() === null) {
    t.skip('no control group can be made here');
    return;
  }
  await stopMany(t, { cgroup: 'auto', count: 60, roles: [...findable, ...onlyByGroup] });
});
