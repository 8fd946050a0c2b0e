/** A reader may die at any moment: the next one goes on, and no line is lost, doubled or moved. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { judge, type Line, type Piece } from '../../src/rundir/index.ts';
import { eventually, fixture, prepare } from '../fixtures/trainers/recording.ts';

const kills = 200;

test(`a reader killed ${kills} times in a numbered stream loses and doubles nothing`, async (t) => {
  const attempt = prepare(t, {
    argv: ['python3', fixture('steady.py')],
    segment_bytes: 64 * 1024,
    head_bytes: 0,
    tail_bytes: 1024 * 1024 * 1024,
  });
  const recorder = attempt.spawn();
  const trainer = await eventually('the trainer to be known', () => {
    const verdict = judge(attempt.dir);
    return verdict.kind === 'started' ? verdict.trainer : null;
  });
  const linesFile = path.join(attempt.cwd, 'lines');
  const stateFile = path.join(attempt.cwd, 'state');
  const follow = () =>
    execa(process.execPath, [fixture('follower.ts'), attempt.dir, linesFile, stateFile], {
      reject: false,
    });

  for (let kill = 0; kill < kills; kill += 1) {
    const follower = follow();
    await new Promise((resolve) => follower.stdout.once('data', resolve));
    // At any moment of the first milliseconds of its work: this is no wait for a condition.
    await new Promise((resolve) => setTimeout(resolve, kill % 13));
    follower.kill('SIGKILL');
    const { stdout } = await follower;
    assert.equal(stdout, 'following');
  }
  process.kill(trainer.pid, 'SIGTERM');
  await recorder;
  const { exitCode, stderr } = await follow();
  assert.equal(exitCode, 0, stderr);

  const pieces = fs
    .readFileSync(linesFile, 'utf8')
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as Piece);
  checkLines(pieces.map((piece) => ('line' in piece ? piece.line : assert.fail('a gap'))));
});

function checkLines(lines: Line[]): void {
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    lines.map((_, i) => i + 1),
  );
  const textsOf = (stream: string) => lines.filter((l) => l.stream === stream).map((l) => l.text);
  const stdout = textsOf('stdout').filter((text) => text !== 'half and half');
  const total = Number(/^total (\d+)$/.exec(stdout.pop() ?? '')?.[1]);
  assert.ok(total > 1000, `${total} lines`);
  assert.deepEqual(
    stdout,
    Array.from({ length: total }, (_, i) => `line ${i + 1}`),
  );
  assert.deepEqual(
    textsOf('stderr'),
    Array.from({ length: Math.floor(total / 10) }, (_, i) => `error ${(i + 1) * 10}`),
  );
}
