/** The output store: bounded, complete in head and tail, and never in the trainer's way. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { isAlive, judge, type OutputRecord, readExit } from '../../src/rundir/index.ts';
import {
  type Attempt,
  eventually,
  fixture,
  outputOf,
  prepare,
  record,
  resultOf,
} from '../fixtures/trainers/recording.ts';
import { removeTree } from '../remove-tree.ts';

const kib = 1024;
const small = { segment_bytes: 64 * kib, head_bytes: 256 * kib, tail_bytes: 1024 * kib };

const gapsOf = (records: OutputRecord[], stream: string): number =>
  records.filter((r) => r.stream === stream).reduce((sum, r) => sum + r.gap, 0);

const numbersIn = (text: string): number[] =>
  [...text.matchAll(/^\w+ (\d{9})$/gm)].map((match) => Number(match[1]));

test('a flood beyond the limit keeps head and tail, and the rest is counted exactly', async (t) => {
  const count = 400_000;
  const attempt = prepare(t, {
    argv: ['python3', fixture('numbers.py'), `${count}`, '10'],
    ...small,
  });
  assert.equal((await attempt.run()).code, 0);
  const { drained, records, stdout, stderr } = resultOf(attempt.dir);
  const expected = { stdout: count * 15, stderr: (count / 10) * 16 };
  assert.equal(drained.stdout.bytes, expected.stdout);
  assert.equal(drained.stderr.bytes, expected.stderr);
  assert.equal(drained.stdout.dropped, expected.stdout - stdout.length);
  assert.equal(drained.stderr.dropped, expected.stderr - stderr.length);
  assert.ok(drained.stdout.dropped > 0 && drained.stderr.dropped > 0);
  assert.equal(gapsOf(records, 'stdout'), drained.stdout.dropped);
  assert.equal(gapsOf(records, 'stderr'), drained.stderr.dropped);
  assert.ok(records.every(({ gap, gapReason }) => gap === 0 || gapReason === 'recorder_limit'));

  const numbers = numbersIn(stdout);
  assert.equal(numbers[0], 1);
  assert.equal(numbers.at(-1), count);
  // One gap alone, between head and tail: elsewhere each number follows the one before.
  const jumps = numbers.filter((number, i) => i > 0 && number !== (numbers[i - 1] ?? 0) + 1);
  assert.equal(jumps.length, 1);
  const segments = fs.readdirSync(attempt.dir).filter((name) => name.startsWith('out.'));
  const bytes = segments.map((name) => fs.statSync(path.join(attempt.dir, name)).size);
  const sum = bytes.reduce((a, b) => a + b, 0);
  assert.ok(sum <= small.head_bytes + small.tail_bytes, `${sum} bytes on the disk`);
  assert.ok(sum > (small.head_bytes + small.tail_bytes) / 2, `${sum} bytes on the disk`);
  assert.ok(Math.max(...bytes) <= small.segment_bytes);
  assert.equal(drained.segments.first, 1);
  assert.ok(segments.includes(`out.${String(drained.segments.last).padStart(6, '0')}`));
});

test('output within the limit is complete, byte for byte, on both streams', async (t) => {
  const script = `import os
for i in range(2000):
    os.write(1 + i % 2, bytes(range(256)) * (i % 7))`;
  const { drained, stdout, stderr } = await record(t, {
    argv: ['python3', '-c', script],
    segment_bytes: 64 * kib,
  });
  const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1');
  const expected = (from: number): string =>
    Array.from({ length: 1000 }, (_, i) => every.repeat((2 * i + from) % 7)).join('');
  assert.ok(stdout === expected(0) && stderr === expected(1));
  assert.deepEqual(drained.stdout, { bytes: stdout.length, dropped: 0 });
  assert.deepEqual(drained.stderr, { bytes: stderr.length, dropped: 0 });
});

test('records keep the order and the time in which both streams were written', async (t) => {
  const before = Date.now();
  const attempt = prepare(t, { argv: ['sh', '-c', 'echo a; read x <go; echo b >&2'] });
  await execa('mkfifo', [path.join(attempt.cwd, 'go')]);
  const recorder = attempt.spawn();
  await eventually('the first line', () => outputOf(attempt.dir).stdout === 'a\n');
  fs.writeFileSync(path.join(attempt.cwd, 'go'), 'now\n');
  await recorder;
  const { records } = resultOf(attempt.dir);
  assert.deepEqual(
    records.map(({ stream, offset, data }) => [stream, offset, data.toString()]),
    [
      ['stdout', 0, 'a\n'],
      ['stderr', 0, 'b\n'],
    ],
  );
  const times = records.map(({ atMs }) => atMs);
  assert.deepEqual(times, times.toSorted());
  assert.ok((times[0] ?? 0) >= before && (times[1] ?? 0) <= Date.now());
});

/** An attempt on a file system of its own; skips the test where none can be mounted. */
async function onSmallDisk(t: TestContext, sizeKib: number, argv: string[]) {
  const disk = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-disk-'));
  const options = ['-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'tmpfs', disk];
  const mounted = await execa('mount', options, { reject: false });
  t.after(async () => {
    if (!mounted.failed) await execa('umount', ['-l', disk]);
    fs.rmdirSync(disk);
  });
  if (mounted.failed) {
    t.skip(`cannot mount: ${mounted.stderr}`);
    return null;
  }
  const attempt = prepare(t, { argv, segment_bytes: 64 * kib }, path.join(disk, 'attempt'));
  return { attempt, ballast: path.join(disk, 'ballast') };
}

function fill(file: string): void {
  const fd = fs.openSync(file, 'a');
  const page = Buffer.alloc(4 * kib);
  try {
    while (fs.writeSync(fd, page) === page.length);
  } catch {
    // Full, as intended.
  } finally {
    fs.closeSync(fd);
  }
}

function trainerOf(attempt: Attempt) {
  return eventually('the trainer to be known', () => {
    const verdict = judge(attempt.dir);
    return verdict.kind === 'started' ? verdict.trainer : null;
  });
}

test('on a full disk the trainer goes on, drops are counted, and space is used again', async (t) => {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-scratch-'));
  t.after(() => removeTree(scratch));
  const [done, go] = [path.join(scratch, 'done'), path.join(scratch, 'go')];
  const count = 200_000;
  const argv = ['python3', fixture('two-parts.py'), `${count}`, done, go];
  const made = await onSmallDisk(t, 2048, argv);
  if (made === null) return;
  fs.writeFileSync(made.ballast, Buffer.alloc(1024 * kib));
  const recorder = made.attempt.spawn();
  await eventually('the trainer to have written 3 MB to a disk of 1 MB', () => fs.existsSync(done));
  fs.rmSync(made.ballast);
  fs.writeFileSync(go, '');
  const end = count * 15;
  await eventually('output to be written again', () =>
    outputOf(made.attempt.dir).records.some(({ offset }) => offset >= end),
  );
  fs.rmSync(go);
  assert.equal((await recorder).exitCode, 0);

  const { exit, drained, records, stdout } = resultOf(made.attempt.dir);
  assert.equal(exit.code, 0);
  assert.ok(drained.stdout.bytes > end);
  assert.equal(drained.stdout.dropped, drained.stdout.bytes - stdout.length);
  assert.ok(drained.stdout.dropped > 1024 * kib);
  assert.equal(gapsOf(records, 'stdout'), drained.stdout.dropped);
  const gaps = records.filter(({ gap }) => gap > 0);
  assert.ok(gaps.every(({ gapReason }) => gapReason === 'disk_full'));
  const numbers = numbersIn(stdout);
  assert.deepEqual([numbers[0], numbers.at(-1)], [1, drained.stdout.bytes / 15]);
  const log = fs.readFileSync(path.join(made.attempt.dir, 'recorder.log'), 'utf8');
  assert.match(log, /output is written again, after: no space left/);
});

/** A trainer that waits for a word, then says `end` and exits 5; ended on a disk that is full by then. */
async function endOnFullDisk(t: TestContext, beforeFull: (dir: string) => void) {
  const made = await onSmallDisk(t, 512, ['sh', '-c', 'read x <go; echo end; exit 5']);
  if (made === null) return null;
  await execa('mkfifo', [path.join(made.attempt.cwd, 'go')]);
  const recorder = made.attempt.spawn();
  const trainer = await trainerOf(made.attempt);
  const room = path.join(made.attempt.dir, '.drained.new');
  await eventually('room to be kept', () => fs.existsSync(room) && fs.statSync(room).size > 0);
  beforeFull(made.attempt.dir);
  fill(made.ballast);
  fs.writeFileSync(path.join(made.attempt.cwd, 'go'), 'now\n');
  await eventually('the trainer to be gone', () => !isAlive(trainer));
  return { ...made, recorder };
}

test('F10: the exit is told on a full disk, because room for it was kept', async (t) => {
  const made = await endOnFullDisk(t, () => undefined);
  if (made === null) return;
  assert.equal((await made.recorder).exitCode, 0);
  const { exit, drained } = resultOf(made.attempt.dir);
  assert.equal(exit.code, 5);
  assert.deepEqual(drained.stdout, { bytes: 4, dropped: 4 });
});

test('F10: an exit that finds no space all the same is written as soon as there is some', async (t) => {
  const made = await endOnFullDisk(t, (dir) => {
    for (const name of ['exit', 'drained']) fs.rmSync(path.join(dir, `.${name}.new`));
  });
  if (made === null) return;
  const draft = path.join(made.attempt.dir, '.exit.new');
  await eventually('the recorder to try', () => fs.existsSync(draft));
  assert.equal(readExit(made.attempt.dir), null);
  fs.rmSync(made.ballast);
  assert.equal((await made.recorder).exitCode, 0);
  const { exit, drained } = resultOf(made.attempt.dir);
  assert.equal(exit.code, 5);
  assert.deepEqual(drained.stdout, { bytes: 4, dropped: 4 });
});
