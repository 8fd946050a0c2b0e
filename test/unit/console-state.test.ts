import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moved } from '../../console/src/data/state.ts';
import type { RunEvent, RunSummary } from '../../console/src/data/types.ts';

const run = { run_id: 'a', name: 'n', finished_at: '', last_seq: 3 } as RunSummary;
const event = { seq: 4, at: '2026-01-01T00:00:00.000Z', attempt: 2 } as RunEvent;

test('a transition says where its run is, and whether it is over', () => {
  assert.deepEqual(moved(run, { ...event, to: 'running.paused.asked' }), {
    ...run,
    state: 'running.paused.asked',
    status: 'running',
    attempt: 2,
    last_seq: 4,
  });
  const over = moved(run, { ...event, to: 'done.failed' });
  assert.equal(over.status, 'failed');
  assert.equal(over.finished_at, event.at);
});
