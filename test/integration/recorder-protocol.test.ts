/** never-twice and never-lost, as far as the directory carries them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { identityOf, isAlive, judge, readExit, voidStart } from '../../src/rundir/index.ts';
import { eventually, prepare, recorderPath, resultOf } from '../fixtures/trainers/recording.ts';

/** A trainer that leaves a mark for each time that it ran. */
const leavesMark = ['sh', '-c', 'echo ran >>marks'];
const marksIn = (cwd: string): string => {
  const file = path.join(cwd, 'marks');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
};

test('of eight recorders one runs the attempt, the others end with code 3', async (t) => {
  const attempt = prepare(t, { argv: leavesMark });
  const codes = await Promise.all(
    Array.from({ length: 8 }, async () => (await attempt.run()).code),
  );
  assert.deepEqual(codes.sort(), [0, 3, 3, 3, 3, 3, 3, 3]);
  assert.equal(marksIn(attempt.cwd), 'ran\n');
});

test('a finished attempt is not run again', async (t) => {
  const attempt = prepare(t, { argv: leavesMark });
  assert.equal((await attempt.run()).code, 0);
  assert.equal((await attempt.run()).code, 3);
  assert.equal(marksIn(attempt.cwd), 'ran\n');
});

test('a voided attempt never starts, and its recorder ends with code 4 and no exit', async (t) => {
  const attempt = prepare(t, { argv: leavesMark });
  assert.equal(voidStart(attempt.dir), 'voided');
  assert.equal(voidStart(attempt.dir), 'voided');
  assert.equal((await attempt.run()).code, 4);
  assert.equal(marksIn(attempt.cwd), '');
  assert.equal(readExit(attempt.dir), null);
  assert.deepEqual(judge(attempt.dir), { kind: 'voided' });
});

test('a recorder that comes after its attempt was voided does not touch its GPU locks', async (t) => {
  const lock = path.join(prepare(t, { argv: ['true'] }).dir, 'gpu0');
  const attempt = prepare(t, { argv: leavesMark, gpu_locks: [lock] });
  assert.equal(voidStart(attempt.dir), 'voided');
  assert.equal((await attempt.run()).code, 4);
  assert.ok(!fs.existsSync(lock), 'a lock is made when it is taken');
});

test('an attempt that started cannot be voided', async (t) => {
  const attempt = prepare(t, { argv: leavesMark });
  await attempt.run();
  assert.equal(voidStart(attempt.dir), 'started');
  assert.equal(judge(attempt.dir).kind, 'exited');
});

test('recorder and voider at the same time: one of them wins, for good', async (t) => {
  for (let round = 0; round < 20; round += 1) {
    const attempt = prepare(t, { argv: leavesMark });
    const recorder = attempt.run();
    // From 0 to about as long as a recorder needs until `start`.
    const until = performance.now() + round * 0.15;
    while (performance.now() < until);
    const verdict = voidStart(attempt.dir);
    const { code } = await recorder;
    assert.deepEqual(
      [code, marksIn(attempt.cwd)],
      verdict === 'voided' ? [4, ''] : [0, 'ran\n'],
      `round ${round}`,
    );
  }
});

test('a launch of another boot is not started, nor claimed', async (t) => {
  const attempt = prepare(t, { argv: leavesMark, boot_id: '00000000-0000-0000-0000-000000000000' });
  assert.equal((await attempt.run()).code, 5);
  assert.equal(judge(attempt.dir).kind, 'unclaimed');
});

test('a launch.json that cannot be understood is refused, unclaimed', async (t) => {
  for (const wrong of [
    { v: 2 },
    { argv: [] },
    { cwd: '' },
    { segment_bytes: 10 },
    { umask: 'x' },
  ]) {
    const attempt = prepare(t, { argv: ['true'], ...wrong });
    const { code, stderr } = await attempt.run();
    assert.equal(code, 2);
    assert.match(stderr, /launch\.json/);
    assert.equal(judge(attempt.dir).kind, 'unclaimed');
  }
});

test('the directory tells each stage of an attempt', async (t) => {
  const attempt = prepare(t, { argv: ['sleep', '600'] });
  assert.deepEqual(judge(attempt.dir), { kind: 'unclaimed' });
  const recorder = attempt.spawn();
  const started = await eventually('the trainer to be known', () => {
    const verdict = judge(attempt.dir);
    return verdict.kind === 'started' && verdict.trainer !== null ? verdict : null;
  });
  const { trainer, trainerAlive, recorderAlive, otherBoot } = started;
  assert.deepEqual([trainerAlive, recorderAlive, otherBoot], [true, true, false]);
  assert.deepEqual(trainer, identityOf(trainer?.pid ?? 0));
  process.kill(trainer?.pid ?? 0, 'SIGTERM');
  await recorder;
  const ended = judge(attempt.dir);
  assert.ok(ended.kind === 'exited');
  assert.equal(ended.record.signal, 'SIGTERM');
  assert.deepEqual(ended.trainer, trainer);
});

test('a recorder that is killed leaves no exit, and its trainer is still known', async (t) => {
  const attempt = prepare(t, { argv: ['sleep', '600'] });
  const recorder = attempt.spawn();
  const trainer = await eventually('the trainer to be known', () => {
    const verdict = judge(attempt.dir);
    return verdict.kind === 'started' ? verdict.trainer : null;
  });
  recorder.kill('SIGKILL');
  await recorder;
  const verdict = judge(attempt.dir);
  assert.ok(verdict.kind === 'started');
  assert.deepEqual([verdict.trainerAlive, verdict.recorderAlive], [true, false]);
  process.kill(trainer.pid, 'SIGKILL');
  await eventually('the trainer to be dead', () => !isAlive(trainer));
  const later = judge(attempt.dir);
  assert.ok(later.kind === 'started' && !later.trainerAlive && !later.recorderAlive);
});

test('nothing but the protocol’s files is left in the directory', async (t) => {
  const attempt = prepare(t, { argv: ['echo', 'hello'] });
  await attempt.run();
  assert.deepEqual(fs.readdirSync(attempt.dir).sort(), [
    'claim',
    'drained',
    'env',
    'exit',
    'launch.json',
    'out.000001',
    'start',
  ]);
  assert.equal(resultOf(attempt.dir).stdout, 'hello\n');
});

test('a recorder that waits ends with its launcher, and one that is told runs the attempt', async (t) => {
  const attempt = prepare(t, { argv: leavesMark });
  const waiting = (input: string) =>
    execa(recorderPath(), ['--wait'], { env: {}, extendEnv: false, reject: false, input });
  assert.equal((await waiting('')).exitCode, 0);
  assert.equal((await waiting(attempt.dir)).exitCode, 0, 'half a line is no order');
  assert.equal(marksIn(attempt.cwd), '');
  assert.equal((await waiting(`${attempt.dir}\n`)).exitCode, 0);
  assert.equal(marksIn(attempt.cwd), 'ran\n');
});
