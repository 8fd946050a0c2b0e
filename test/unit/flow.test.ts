/** The flow of a stream: when what goes out. Time is the test's own. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { OrchestratorPort, RunEvent, RunSummary } from '../../src/contracts/index.ts';
import { createFlow } from '../../src/transport/http/stream/flow.ts';
import type { Outlet } from '../../src/transport/http/stream/outlet.ts';

function flowing(t: TestContext) {
  let nowMs = 10_000;
  t.mock.method(performance, 'now', () => nowMs);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const events: RunEvent[] = [];
  const port = {
    yardEvents: (after: number, limit: number) => events.slice(after, after + limit),
    get: (run: string) => ({ run_id: run }) as RunSummary,
  } as unknown as OrchestratorPort;
  const told: string[] = [];
  const outlet = {
    ready: () => true,
    event(name: string, data: unknown) {
      const runs = name === 'runs' ? (data as { runs: RunSummary[] }).runs : (data as RunEvent[]);
      told.push(`${nowMs - 10_000} ${name} ${runs.map(({ run_id: id }) => id).join(' ')}`);
    },
  } as unknown as Outlet;
  const flow = createFlow(port, outlet, { from: 0, resumes: false }, (error) => {
    throw error;
  });
  t.after(flow.close);
  return {
    told,
    happens(run: string) {
      events.push({ run_id: run, pos: events.length + 1 } as RunEvent);
      flow.wake();
    },
    pass(ms: number) {
      for (let n = 0; n < ms; n += 1) {
        nowMs += 1;
        t.mock.timers.tick(1);
      }
    },
  };
}

test('a change does not wait for a summary that is due later', (t) => {
  const { told, happens, pass } = flowing(t);
  happens('a');
  pass(20);
  happens('a');
  pass(80);
  happens('b');
  pass(400);
  assert.deepEqual(told, [
    '1 transitions a',
    '1 runs a',
    '51 transitions a',
    '101 transitions b',
    '101 runs b',
    '251 runs a',
  ]);
});
