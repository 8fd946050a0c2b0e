/** Rules of metrics that end a run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { validateConfig } from '../../src/contracts/index.ts';
import type { RunyardError } from '../../src/errors.ts';
import { createPointWatch, metBy, type RuleFile, type StopRule } from '../../src/worker/rules.ts';

const point = (value: number, step: bigint | null = null, key = 'charts/episodic_return') => ({
  key,
  step,
  value,
});

test('a rule is met by its metric alone, from its step on, and never by NaN', () => {
  const rule = { key: 'charts/episodic_return', below: 50, after_steps: 20_000 };
  assert.equal(
    metBy(rule, point(12.5, 20_480n)),
    'charts/episodic_return 12.5 below 50 at step 20,480',
  );
  assert.equal(metBy(rule, point(12.5, 19_999n)), null);
  assert.equal(metBy(rule, point(12.5)), null);
  assert.equal(metBy(rule, point(50, 20_480n)), null);
  assert.equal(metBy(rule, point(Number.NaN, 20_480n)), null);
  assert.equal(metBy(rule, point(12.5, 20_480n, 'charts/episodic_length')), null);
  assert.equal(
    metBy({ key: 'loss', above: 5 }, point(Number.POSITIVE_INFINITY, null, 'loss')),
    'loss Infinity above 5',
  );
});

function watching(rules: StopRule[], file: RuleFile) {
  const told: string[] = [];
  let over = false;
  const watch = createPointWatch({
    rules: () => rules,
    file,
    isOver: () => over,
    met: (text) => told.push(text),
  });
  return { watch, told, end: () => (over = true) };
}

test('what was met is told once, after the trainer was found, and again by a worker that takes over', () => {
  let kept: string | null = null;
  const file: RuleFile = { read: () => kept, write: (text) => (kept = text) };
  const rules = [{ key: 'loss', above: 5 }];
  const first = watching(rules, file);
  first.watch.note(point(9, 1n, 'loss'));
  assert.deepEqual(first.told, [], 'nobody knows of its trainer yet');
  assert.equal(kept, 'loss 9 above 5 at step 1');
  first.watch.begin();
  first.watch.note(point(11, 2n, 'loss'));
  first.watch.begin();
  assert.deepEqual(first.told, ['loss 9 above 5 at step 1']);
  const second = watching(rules, file);
  second.watch.begin();
  second.watch.note(point(12, 3n, 'loss'));
  assert.deepEqual(second.told, ['loss 9 above 5 at step 1']);
});

test('what is found when the trainer has ended ends nothing', () => {
  const file: RuleFile = { read: () => null, write: () => assert.fail('nothing is kept') };
  const { watch, told, end } = watching([{ key: 'loss', above: 5 }], file);
  watch.begin();
  end();
  watch.note(point(9, 1n, 'loss'));
  assert.deepEqual(told, []);
});

test('a rule that says neither below nor above is refused, with an example', () => {
  const command = ['true'];
  const given = (stop_when: unknown) => () => validateConfig({ command, stop_when });
  const rules = (error: RunyardError) => error.violations.map(({ rule }) => rule).join();
  assert.throws(given({ key: 'loss', after_steps: 5 }), (error: RunyardError) =>
    /"loss" must say below or above/.test(rules(error)),
  );
  assert.throws(given({ below: 5 }), (error: RunyardError) => error.code === 'config_invalid');
  assert.doesNotThrow(given({ key: 'loss', above: 5 }));
  assert.doesNotThrow(given([{ key: 'loss', above: 5 }]));
});
