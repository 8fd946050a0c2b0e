/** The short form of `npm run chaos`: the same yard, kills and checker, for a moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chaos } from './chaos.ts';
import { complaintsOf } from './table.ts';

const name =
  'kill -9 of daemon, bus, worker and recorder: nothing lost, nothing twice, nothing left';
// Two minutes when the machine is quiet, most of them waiting.
test(name, { timeout: 600_000 }, async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const report = await chaos({
    seed,
    kills: 30,
    live: 6,
    armedMs: 5000,
    together: 3,
    settleMs: 90_000,
    progress: () => undefined,
    // A busy machine gets fewer kills, not a failure.
    signal: AbortSignal.timeout(30_000),
  });
  t.diagnostic(`${report.total} kills, ${report.runs} runs in ${Math.round(report.tookMs)} ms`);
  assert.deepEqual(complaintsOf(report), [], `seed ${seed}`);
  assert.ok(report.started > 0 && report.total > 0);
});
