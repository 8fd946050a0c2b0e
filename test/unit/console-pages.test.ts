import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { bestOf, isLoss } from '../../console/src/pages/compare/cells.ts';
import { meanOf } from '../../console/src/pages/compare/means.ts';
import { configOf, type Shape, textsOf } from '../../console/src/pages/submit/shape.ts';
import { lineOf, wordsOf } from '../../console/src/pages/submit/words.ts';

test('words of a line are those of a shell, and come back as they were', () => {
  assert.deepEqual(wordsOf(`sh -c 'a "b"' "c \\"d\\"" e\\ f ''`), [
    'sh',
    '-c',
    'a "b"',
    'c "d"',
    'e f',
    '',
  ]);
  // A command that was pasted over two lines, and one that is still being typed.
  assert.deepEqual(wordsOf('python \\\n  train.py'), ['python', 'train.py']);
  assert.deepEqual(wordsOf("echo 'half a"), ['echo', 'half a']);
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      assert.deepEqual(wordsOf(lineOf(words)), words);
    }),
  );
});

test('a configuration becomes the texts of the form, and the same configuration again', () => {
  const file = path.join(import.meta.dirname, '../../schemas/train-run-config.v1.schema.json');
  const schema = JSON.parse(fs.readFileSync(file, 'utf8')) as Shape;
  const config = {
    command: ['sh', '-c', 'echo "$A"'],
    cwd: '/tmp',
    gpus: 0.5,
    env: { A: 'b=c', EMPTY: '' },
    tags: ['x', 'y z'],
    retry: {
      max: 2,
      on: ['oom', 137],
      resume: { artifact: '*.pt', args: ['--from', '{artifact}'] },
    },
    stop_when: { key: 'loss', above: 5 },
    after: [{ run: 'abc', on: 'ok' }],
    isolate: true,
  };
  assert.deepEqual(configOf(schema, '', textsOf(schema, '', config)), config);
  assert.equal(configOf(schema, '', {}), undefined);
  // What is no number is for the daemon to refuse, in its own words.
  assert.deepEqual(configOf(schema, '', { '/priority': 'high' }), { priority: 'high' });
});

test('a mean over seeds is that of the lines that got there, and has a deviation from two on', () => {
  const found = meanOf([
    { xs: [0, 2, 4], ys: [0, 2, 4] },
    { xs: [0, 1, 2], ys: [2, null, 4] },
  ]);
  assert.deepEqual(found.xs, [0, 2, 4]);
  assert.deepEqual(found.mean, [1, 3, 4]);
  assert.deepEqual(found.low, [1 - Math.SQRT2, 3 - Math.SQRT2, null]);
  const long = Array.from({ length: 5000 }, (_, n) => n);
  assert.ok(meanOf([{ xs: long, ys: long }]).xs.length < 1000);
  assert.deepEqual(meanOf([]).xs, []);
});

test('the best is the least of a loss, and what is no number is never the best', () => {
  assert.ok(isLoss('train/value_loss'));
  assert.ok(!isLoss('charts/episodic_return'));
  const of = new Map([
    ['a', { last: 1, min: Number.NaN, max: Number.NaN }],
    ['b', { last: 1, min: 1, max: 5 }],
    ['c', { last: 1, min: 2, max: 7 }],
  ]);
  assert.equal(bestOf(of, true), 'b');
  assert.equal(bestOf(of, false), 'c');
  assert.equal(bestOf(new Map(), false), '');
});
