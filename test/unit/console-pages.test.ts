import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { bestOf, isLoss } from '../../console/src/pages/compare/cells.ts';
import { meanOf } from '../../console/src/pages/compare/means.ts';
import { piecesOf } from '../../console/src/pages/run/ansi.ts';
import {
  configOf,
  moreOf,
  morePointer,
  type Shape,
  textsOf,
} from '../../console/src/pages/submit/shape.ts';
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

test('of several rules the first has fields, and the others are kept until they are left out', () => {
  const file = path.join(import.meta.dirname, '../../schemas/train-run-config.v1.schema.json');
  const schema = JSON.parse(fs.readFileSync(file, 'utf8')) as Shape;
  const rules = [
    { key: 'loss', above: 5 },
    { key: 'loss', nan: 1 },
    { key: 'acc', below: 0 },
  ];
  const texts = textsOf(schema, '', { stop_when: rules });
  assert.equal(texts['/stop_when/key'], 'loss');
  assert.deepEqual(moreOf(texts, '/stop_when'), rules.slice(1));
  assert.deepEqual(configOf(schema, '', texts), { stop_when: rules });
  const without = { ...texts, [morePointer('/stop_when')]: '' };
  assert.deepEqual(configOf(schema, '', without), { stop_when: rules[0] });
  const emptied = { [morePointer('/stop_when')]: texts[morePointer('/stop_when')] ?? '' };
  assert.deepEqual(configOf(schema, '', emptied), { stop_when: rules.slice(1) });
});

test('of a line for terminals its words are left, and what is bold or dim', () => {
  assert.deepEqual(piecesOf('plain \u0007text'), [{ text: 'plain text', look: '' }]);
  assert.deepEqual(piecesOf('\u001b[1;31mbad\u001b[0m \u001b[2mold\u001b[22m new'), [
    { text: 'bad', look: 'bold' },
    { text: ' ', look: '' },
    { text: 'old', look: 'dim' },
    { text: ' new', look: '' },
  ]);
  // Of colours by number the number is no code: 1 would be bold.
  assert.deepEqual(piecesOf('\u001b[38;5;1mred\u001b[48;2;1;2;1mon'), [
    { text: 'red', look: '' },
    { text: 'on', look: '' },
  ]);
  // Whatever is cut in the middle: no control character comes through, and nothing else is lost.
  fc.assert(
    fc.property(fc.string(), fc.string(), (before, after) => {
      const clean = (text: string): string =>
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
        text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
      const line = `${clean(before)}\u001b[1m${clean(after)}\u001b[0m`;
      const text = piecesOf(line)
        .map((piece) => piece.text)
        .join('');
      assert.equal(text, clean(before) + clean(after));
    }),
  );
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
