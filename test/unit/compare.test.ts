/** What the command line makes of numbers: in words, side by side, and drawn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numberText } from '../../src/cli/numbers.ts';
import { plotLines } from '../../src/cli/plot.ts';
import type { RunSummary } from '../../src/contracts/index.ts';
import { differences, paramsOf, seedGroups } from '../../src/params.ts';

test('options of a command, however they are written', () => {
  assert.deepEqual(paramsOf(`python train.py --lr 3e-4 --env-id='a b' --cuda -n -5 x=1 --end`), {
    'word 1': 'train.py',
    lr: '3e-4',
    'env-id': 'a b',
    cuda: 'yes',
    n: '-5',
    x: '1',
    end: 'yes',
  });
});

test('runs differ in what any two of them differ in, and are seeds of each other when it is that alone', () => {
  const run = (command: string) =>
    ({ command, code: 'c', project: '', params: {} }) as unknown as RunSummary;
  const { names, of } = differences([
    run('python a.py --seed 1 --lr 1'),
    run('python a.py --seed 2 --lr 1'),
    run('python a.py --seed 1 --lr 2'),
    run('python a.py --seed 3'),
  ]);
  assert.deepEqual(names, ['seed', 'lr']);
  assert.deepEqual(of[3], { seed: '3' });
  assert.deepEqual(seedGroups(names, of), [[0, 1]]);
  assert.deepEqual(seedGroups(['lr'], [{ lr: '1' }, { lr: '1' }]), []);
});

test('numbers are short', () => {
  const texts = [0, 12_400, 204.5, 0.0005, 0.1234567, 1e9, -3.25e-7, Number.NaN, -Infinity];
  assert.deepEqual(texts.map(numberText), [
    ...['0', '12400', '204.5', '5e-4', '0.12346', '1e+9', '-3.25e-7', 'NaN', '-inf'],
  ]);
});

test('a plot fits into its frame, shows each curve, and takes what is no number', () => {
  const wave = (phase: number) => ({
    label: `${phase}`,
    points: Array.from({ length: 5000 }, (_, i) => [i, Math.sin(i / 500 + phase)] as const),
  });
  for (const columns of [40, 80, 120]) {
    const lines = plotLines('t', [wave(0), wave(2)], { columns, rows: 20, color: false });
    assert.ok(lines.length <= 20 && lines.every((line) => line.length <= columns), String(columns));
    for (const letter of ['a', 'b']) assert.ok(lines.some((line) => line.includes(letter)));
  }
  const frame = { columns: 80, rows: 20, color: true };
  const broken = { label: 'x', points: [[0, Number.NaN] as const, [1, Infinity] as const] };
  assert.match(plotLines('t', [broken], frame).join('\n'), /no numbers/);
  const flat = { label: 'x', points: [[0, 7] as const, [1, 7] as const] };
  assert.ok(plotLines('t', [flat, broken], frame).length > 3);
  assert.ok(plotLines('t', [{ label: 'x', points: [[3, 1]] }], frame).length > 3);
});
