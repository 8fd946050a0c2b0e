import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPatterns } from '../../src/capture/index.ts';

type Expected = [key: string, step: number | null, value: number];
const points = (patterns: ReturnType<typeof createPatterns>, line: string): Expected[] =>
  patterns
    .pointsOf(line)
    .map(({ key, step, value }) => [key, step === null ? null : Number(step), value]);
const of = (...lines: string[]): Expected[] => {
  const patterns = createPatterns();
  return lines.flatMap((line) => points(patterns, line));
};

test('what CleanRL prints', () => {
  assert.deepEqual(of('global_step=28, episodic_return=[29.]', 'SPS: 9543'), [
    ['charts/episodic_return', 28, 29],
    ['charts/SPS', null, 9543],
  ]);
});

test('what CORL prints: a step in a line of its own counts for those after it', () => {
  assert.deepEqual(
    of('Time steps: 500', 'Evaluation over 5 episodes: -142.798 , D4RL score: 100.533'),
    [
      ['Evaluation over 5 episodes', 500, -142.798],
      ['D4RL score', 500, 100.533],
    ],
  );
});

test('pairs, dicts, JSON, tables, progress bars, colours', () => {
  const table: [string, Expected[]][] = [
    [
      'loss=1e-3 step=10 lr=.5',
      [
        ['loss', 10, 0.001],
        ['lr', 10, 0.5],
      ],
    ],
    ['x = -inf', [['x', null, -Infinity]]],
    ["{'loss': 0.5, 'epoch': 2}", [['loss', 2, 0.5]]],
    [
      '{"step": 7, "loss": NaN, "a": {"b": 1}}',
      [
        ['loss', 7, Number.NaN],
        ['a.b', 7, 1],
      ],
    ],
    ['|    ep_rew_mean     | 22.5    |', [['ep_rew_mean', null, 22.5]]],
    [' 45%|████▌     | 450/1000 [00:12<00:15, 36.2it/s, loss=0.32]', [['loss', 450, 0.32]]],
    [
      '100/100 [=====] - 1s 5ms/step - loss: 0.5 - acc: 0.9',
      [
        ['loss', 100, 0.5],
        ['acc', 100, 0.9],
      ],
    ],
    [
      'epoch 3 | loss: 0.25 | val_loss: 1.5e+2',
      [
        ['loss', null, 0.25],
        ['val_loss', null, 150],
      ],
    ],
    ['\u001b[32mloss\u001b[0m: 0.5', [['loss', null, 0.5]]],
    ['step: 1_000, reward: 3', [['reward', 1000, 3]]],
  ];
  for (const [line, found] of table) assert.deepEqual(of(line), found, line);
});

test('what only looks like a metric is none', () => {
  for (const line of [
    ...['12:34:56 hello', 'listening on http://localhost:8080', 'version: 1.2.3', 'key=1.2.3'],
    ...['id=0xff', 'reward 5 at 10', 'Epoch 4/10', '2026-11-25 12:00:00 INFO: started', ''],
  ]) {
    assert.deepEqual(of(line), [], line);
  }
});

test('a script that prints ever new names fills no stream', () => {
  const patterns = createPatterns();
  const found = Array.from({ length: 2000 }, (_, n) => patterns.pointsOf(`id_${n}=1`)).flat();
  assert.equal(found.length, 500);
  assert.equal(patterns.state().keys.length, 500);
});

test('another one goes on from its state', () => {
  const one = createPatterns();
  one.pointsOf('Time steps: 500');
  const other = createPatterns(JSON.parse(JSON.stringify(one.state())));
  assert.deepEqual(points(other, 'score: 1'), [['score', 500, 1]]);
});

test('no line ends in an error, and values are numbers', () => {
  const words = fc.constantFrom(
    ...'= : , | [ ] { } \' " nan inf e+ - . _ step loss 1 0x 9e999 \u001b[1m'.split(' '),
  );
  const lines = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.array(words).map((all) => all.join('')),
  );
  const patterns = createPatterns();
  fc.assert(
    fc.property(lines, (line) => {
      for (const { key, value } of patterns.pointsOf(line)) {
        assert.equal(typeof value, 'number');
        assert.notEqual(key, '');
      }
    }),
    { numRuns: 3000 },
  );
});
