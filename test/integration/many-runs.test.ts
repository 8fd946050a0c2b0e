/** F6: many runs at once, and many in a row. The 10,000 in a row are `npm run soak`. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type ManyRuns, runMany, walCapBytes } from './many-runs.ts';
import { startYard } from './yard.ts';

function check(t: TestContext, found: ManyRuns): void {
  const { runs, seconds, walBytesMax, checkpoints, transitions } = found;
  t.diagnostic(
    `${runs} runs in ${seconds.toFixed(1)} s, ${transitions} commits, ${checkpoints} checkpoints, ` +
      `WAL at most ${(walBytesMax / 2 ** 20).toFixed(1)} MiB`,
  );
  assert.equal(found.completed, runs);
  assert.ok(walBytesMax <= walCapBytes, `the WAL grew to ${walBytesMax} bytes`);
  assert.ok(checkpoints > 0, 'it was emptied while they ran');
  // Nothing is written that no run says it has, and nothing is missing.
  assert.equal(transitions, found.events);
}

test('F6: 100 runs at once all complete, and the WAL stays under its cap', {
  timeout: 900_000,
}, async (t) => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '100', RUNYARD_LOG: 'warn' });
  check(t, await runMany(yard, 100, 100));
});

test('F6: 400 runs in a row all complete, and the WAL stays under its cap', {
  timeout: 900_000,
}, async (t) => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '4', RUNYARD_LOG: 'warn' });
  check(t, await runMany(yard, 400, 4));
});
