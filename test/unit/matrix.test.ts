/** From words of a command line to the runs of a sweep. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inCellOrder, overSeeds, progressText } from '../../src/cli/group-look.ts';
import { axesOf, axesOfFile, cellsMost, cellsOf, valuesOf } from '../../src/cli/matrix.ts';
import { cellText, filled, sweepOf } from '../../src/cli/members.ts';
import type { GroupSummary, MetricKey, RunSummary } from '../../src/contracts/index.ts';
import { validateConfig } from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';

const refused = (act: () => unknown, rule: RegExp): void =>
  assert.throws(act, (error: unknown) => {
    assert(error instanceof RunyardError && error.code === 'usage');
    assert.match(error.violations[0]?.rule ?? '', rule);
    return true;
  });

const sweep = (words: string[], command: string[], more: object = {}, style = 'args') =>
  sweepOf({
    config: { command, ...more },
    cells: cellsOf(axesOf(words)),
    style,
    key: 'k',
    newId: () => 'never',
  });
const commands = (made: ReturnType<typeof sweep>): string[] =>
  made.members.map(({ config }) => (config.command as string[]).join(' '));

test('values are lists, ranges with both ends, and quoted text as it is', () => {
  assert.deepEqual(valuesOf('1..5', 'k'), ['1', '2', '3', '4', '5']);
  assert.deepEqual(valuesOf('1..9..3', 'k'), ['1', '4', '7']);
  assert.deepEqual(valuesOf('3..1', 'k'), ['3', '2', '1']);
  assert.deepEqual(valuesOf('-1..1', 'k'), ['-1', '0', '1']);
  assert.deepEqual(valuesOf('08..11', 'k'), ['08', '09', '10', '11']);
  assert.deepEqual(valuesOf('0..1..0.25', 'k'), ['0', '0.25', '0.5', '0.75', '1']);
  assert.deepEqual(valuesOf('0.1..0.3..0.1', 'k'), ['0.1', '0.2', '0.3']);
  assert.deepEqual(valuesOf('1..2,7,A', 'k'), ['1', '2', '7', 'A']);
  assert.deepEqual(valuesOf(`"a,b",'1..2',"",c"d`, 'k'), ['a,b', '1..2', '', 'c"d']);
  assert.deepEqual(valuesOf('../data,a..b,1..', 'k'), ['../data', 'a..b', '1..']);
});

test('what cannot be meant is refused, and says how it is written', () => {
  refused(() => valuesOf('1,,2', 'k'), /empty/);
  refused(() => valuesOf('1,2,1', 'k'), /"1" twice/);
  refused(() => valuesOf('"a', 'k'), /not closed/);
  refused(() => valuesOf('0.1..0.3', 'k'), /needs a step/);
  refused(() => valuesOf('1..3..0', 'k'), /more than 0/);
  refused(() => axesOf(['python']), /KEY=VALUES, not "python"/);
  refused(() => axesOf(['--seed=1']), /no key/);
  refused(() => cellsOf(axesOf(['a=1', 'a=2'])), /"a" twice/);
  refused(() => valuesOf('1..1000000000', 'k'), /1,000,000,000 runs, at most 10,000/);
  refused(() => cellsOf(axesOf(['a=1..200', 'b=1..200'])), /200 × 200 are 40,000 runs/);
  refused(() => axesOfFile({ a: [[1]] }, 'f'), /must be a text, a number/);
  refused(() => axesOfFile([{ a: 1 }, { b: 1 }], 'f'), /has the keys b, the first a/);
  refused(() => axesOfFile('a', 'f'), /must hold keys/);
});

test('a file holds keys with values, or the cells themselves', () => {
  const texts = (axes: ReturnType<typeof axesOf>): string[] => cellsOf(axes).map(cellText);
  assert.deepEqual(texts(axesOfFile({ seed: '1..2', lr: [0.1, '3e-4'] }, 'f')), [
    ...['seed=1 lr=0.1', 'seed=1 lr=3e-4', 'seed=2 lr=0.1', 'seed=2 lr=3e-4'],
  ]);
  const cells = [
    { env: 'A', lr: 1 },
    { env: 'B', lr: 2 },
  ];
  assert.deepEqual(texts([...axesOfFile(cells, 'f'), ...axesOf(['seed=1,2'])]), [
    ...['env=A lr=1 seed=1', 'env=A lr=1 seed=2', 'env=B lr=2 seed=1', 'env=B lr=2 seed=2'],
  ]);
});

test('every combination comes once, and can be told from all others by its key', () => {
  const value = fc.stringMatching(/^[A-Za-z0-9._/-]{1,6}$/).filter((text) => !text.includes('..'));
  const axis = fc.uniqueArray(value, { minLength: 1, maxLength: 5 });
  const matrix = fc.dictionary(fc.stringMatching(/^[a-z_][a-z0-9-]{0,5}$/), axis, {
    ...{ minKeys: 1, maxKeys: 4, noNullPrototype: true },
  });
  fc.assert(
    fc.property(matrix, fc.constantFrom('args', 'equals', 'hydra'), (axes, style) => {
      const words = Object.entries(axes).map(([key, values]) => `${key}=${values.join(',')}`);
      const made = sweep(words, ['python', 'train.py'], {}, style);
      const count = Object.values(axes).reduce((product, values) => product * values.length, 1);
      assert.equal(made.members.length, count);
      assert.equal(new Set(made.members.map(({ key }) => key)).size, count);
      assert.equal(new Set(commands(made)).size, count);
      for (const { config, cell } of made.members) {
        // What is made of values is always what the daemon takes.
        assert.deepEqual(validateConfig(config).params, cell);
        for (const [key, text] of Object.entries(cell)) assert(axes[key]?.includes(text));
      }
    }),
  );
  assert(cellsMost >= 5000);
});

test('quoted values are taken as they are, whatever is in them', () => {
  const text = fc.string({ minLength: 1, maxLength: 30 }).filter((each) => !each.includes('"'));
  fc.assert(
    fc.property(fc.uniqueArray(text, { minLength: 1, maxLength: 5 }), (values) => {
      const given = values.map((each) => `"${each}"`).join(',');
      assert.deepEqual(valuesOf(given, 'k'), values);
    }),
  );
});

test('a key is put where the command names it, else it comes after the command', () => {
  const words = ['seed=1', 'env-id=A'];
  const command = ['python', 'train.py'];
  assert.deepEqual(commands(sweep(words, command)), ['python train.py --seed 1 --env-id A']);
  assert.deepEqual(commands(sweep(words, command, {}, 'equals')), [
    'python train.py --seed=1 --env-id=A',
  ]);
  assert.deepEqual(commands(sweep(words, command, {}, 'hydra')), [
    'python train.py seed=1 env-id=A',
  ]);
  const named = sweep(words, ['sh', '-c', 'echo {seed} {{seed}} {} {other} \x24{seed}'], {
    ...{ env: { E: '{env-id}' }, tags: ['s{seed}'], note: 'seed {seed}', name: 'x-{env-id}' },
  });
  assert.deepEqual(commands(named), ['sh -c echo 1 {seed} {} {other} \x24{seed}']);
  assert.deepEqual(named.unknown, ['other']);
  const { env, tags, note, name } = named.members[0]?.config ?? {};
  assert.deepEqual([env, tags, note, name], [{ E: 'A' }, ['s1'], 'seed 1', 'x-A']);
  refused(() => sweep(words, command, {}, 'yaml'), /args, equals, hydra/);
});

test('a value that looks like a place is not filled in again', () => {
  assert.equal(filled('{a}{b}', { a: '{b}', b: '$&' }), '{b}$&');
});

test('runs and groups have names that tell them apart, whatever the values', () => {
  const names = (words: string[], command: string[], more = {}): unknown[] =>
    sweep(words, command, more).members.map(({ config }) => config.name);
  assert.deepEqual(names(['seed=1', 'env=ALE/Pong-v5'], ['python', 'rl/dqn.py']), [
    'dqn-seed1-ALE-Pong-v5',
  ]);
  assert.deepEqual(names(['seed=1'], ['python', '-m', 'pkg.train']), ['train-seed1']);
  assert.deepEqual(names(['p=a/b'], ['true'], { name: '{p}!' }), ['a-b!']);
  const { group } = sweep(['seed=1'], ['python', 'dqn.py']);
  assert.match(group, /^dqn-[a-z2-7]{4}$/);
  assert.equal(sweep(['seed=1..3'], ['python', 'dqn.py']).group, group);
  assert.equal(sweep(['seed=1'], ['x'], { group: 'mine' }).group, 'mine');
});

test('rows are in the order of their values, and means are over seeds alone', () => {
  const run = (run_id: string, params: Record<string, string>) =>
    ({ run_id, name: run_id, params }) as unknown as RunSummary;
  const runs = inCellOrder([
    run('d', { env: 'B', seed: '10' }),
    run('c', { env: 'B', seed: '9' }),
    run('b', { env: 'A', seed: '10' }),
    run('a', { env: 'A', seed: '9' }),
  ]);
  assert.deepEqual(
    runs.map(({ run_id }) => run_id),
    ['a', 'b', 'c', 'd'],
  );
  const key = (run_id: string, last: number, min: number, max: number) =>
    [run_id, { run_id, last, min, max } as MetricKey] as const;
  const measured = new Map([key('a', 1, 0, 9), key('b', 3, -1, 4), key('c', 7, 7, 7)]);
  const [first, second] = overSeeds(runs, measured, false);
  assert.deepEqual(first, {
    ...{ params: { env: 'A' }, runs: ['a', 'b'], n: 2, mean: 2, std: Math.SQRT2 },
    ...{ best: 9, best_run: 'a' },
  });
  assert.deepEqual([second?.n, second?.mean, second?.std], [1, 7, Number.NaN]);
  assert.equal(overSeeds(runs, measured, true)[0]?.best_run, 'b');
  assert.deepEqual(overSeeds([run('x', { env: 'A' })], measured, false), []);
});

test('the progress of a group is said in numbers and glyphs', () => {
  const none = { allocating: 0, stopping: 0, completed: 0, failed: 0, lost: 0, rejected: 0 };
  const group = { ...none, runs: 6, running: 2, queued: 4, cancelled: 0 } as GroupSummary;
  assert.equal(progressText(group), '6 runs · 2 ● 4 ○');
  assert.equal(progressText({ ...group, runs: 1, running: 1, queued: 0 }), '1 run · 1 ●');
});
