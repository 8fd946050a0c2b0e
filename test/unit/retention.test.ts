import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { doomed, type KeptRun, type Limits } from '../../src/artifacts/index.ts';

const day = 86_400_000;
const now = 1000 * day;
const none: Limits = { maxAgeMs: null, maxBytes: null, maxRuns: null };

/** A run that ended so many days ago. */
function run(runId: string, daysAgo: number | null, more: Partial<KeptRun> = {}): KeptRun {
  const finishedMs = daysAgo === null ? null : now - daysAgo * day;
  return { runId, project: 'p', finishedMs, bytes: 10, pinned: false, ...more };
}

function ids(runs: KeptRun[], limits: Partial<Limits>): string[] {
  return doomed(runs, { ...none, ...limits }, now).map(
    ({ run: { runId }, why }) => `${runId} ${why}`,
  );
}

test('without a limit nothing goes', () => {
  assert.deepEqual(ids([run('a', 900), run('b', 1)], {}), []);
});

test('what ended longer ago than the age goes, oldest first', () => {
  const runs = [run('new', 1), run('older', 50), run('oldest', 90), run('live', null)];
  assert.deepEqual(ids(runs, { maxAgeMs: 30 * day }), ['oldest age', 'older age']);
});

test('of each project the last so many stay, pinned ones besides', () => {
  const runs = [
    run('p1', 1),
    run('p2', 2, { pinned: true }),
    run('p3', 3),
    run('p4', 4),
    run('q9', 9, { project: 'q' }),
  ];
  assert.deepEqual(ids(runs, { maxRuns: 2 }), ['p4 count']);
  assert.deepEqual(ids(runs, { maxRuns: 1 }), ['p4 count', 'p3 count']);
});

test('beyond the total size the oldest go, and what is pinned or live counts but stays', () => {
  const runs = [
    run('live', null, { bytes: 30 }),
    run('pinned', 99, { pinned: true, bytes: 30 }),
    run('old', 9, { bytes: 20 }),
    run('new', 1, { bytes: 20 }),
  ];
  assert.deepEqual(ids(runs, { maxBytes: 100 }), []);
  assert.deepEqual(ids(runs, { maxBytes: 99 }), ['old size']);
  assert.deepEqual(ids(runs, { maxBytes: 1 }), ['old size', 'new size']);
  // What goes for another reason is not counted twice.
  assert.deepEqual(ids(runs, { maxBytes: 80, maxAgeMs: 5 * day }), ['old age']);
});

test('whatever there is: pinned and live ones stay, all limits hold of the rest, and no more goes than must', () => {
  const runs = fc.uniqueArray(
    fc.record({
      runId: fc.string({ minLength: 1, maxLength: 4 }),
      project: fc.constantFrom('p', 'q'),
      finishedMs: fc.option(fc.integer({ min: 0, max: now })),
      bytes: fc.nat(1000),
      pinned: fc.boolean(),
    }),
    { selector: ({ runId }) => runId, maxLength: 30 },
  );
  const limit = (max: number) => fc.option(fc.integer({ min: 1, max }));
  const limits = fc.record({ maxAgeMs: limit(now), maxBytes: limit(10_000), maxRuns: limit(5) });
  fc.assert(
    fc.property(runs, limits, (all, given) => {
      const gone = doomed(all, given, now).map((each) => each.run);
      const left = all.filter((each) => !gone.includes(each));
      const removable = left.filter(({ pinned, finishedMs }) => !pinned && finishedMs !== null);
      for (const { pinned, finishedMs } of gone) assert.ok(!pinned && finishedMs !== null);
      const { maxAgeMs, maxBytes, maxRuns } = given;
      for (const { finishedMs } of removable)
        assert.ok(maxAgeMs === null || now - (finishedMs ?? 0) <= maxAgeMs);
      for (const project of ['p', 'q']) {
        const count = removable.filter((each) => each.project === project).length;
        assert.ok(maxRuns === null || count <= maxRuns);
      }
      const total = left.reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(maxBytes === null || total <= maxBytes || removable.length === 0);
      const ends = gone.map(({ finishedMs }) => finishedMs ?? 0);
      assert.deepEqual(
        ends,
        ends.toSorted((a, b) => a - b),
      );
    }),
    { numRuns: 300 },
  );
});
