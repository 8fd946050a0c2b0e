/** When a waiting run will start, as far as earlier runs tell. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { estimate, noLimits, type Pace, type Waiting } from '../../src/allocator/index.ts';
import { type AllocatorYard, createYard } from './allocator-world.ts';

const limit = fc.constantFrom(0, 0, 2);
const setting = fc.record({
  cards: fc.array(fc.record({ memoryMib: fc.constantFrom(0, 24_576) }), { maxLength: 4 }),
  cpus: fc.integer({ min: 1, max: 4 }),
  memoryMib: fc.constant(0),
  limits: fc.oneof(
    fc.constant(noLimits),
    fc.record({ userRuns: limit, userGpus: limit, projectRuns: limit, projectGpus: limit }),
  ),
});
type Request = Pick<Waiting, 'user' | 'gpus' | 'priority' | 'startAfterMs'> & {
  afterBack: number;
  tookMs: number;
};
const request: fc.Arbitrary<Request> = fc.record({
  user: fc.constantFrom('ana', 'ben'),
  gpus: fc.constantFrom(0, 0.25, 0.5, 1, 1, 2),
  priority: fc.constantFrom(0, 0, 1),
  startAfterMs: fc.constantFrom(null, null, 40),
  afterBack: fc.constantFrom(0, 0, 0, 1, 2),
  tookMs: fc.integer({ min: 1, max: 100 }),
});

function waitingOf(about: Request, index: number): Waiting {
  const { user, gpus, priority, startAfterMs, afterBack } = about;
  const on = index - afterBack;
  return {
    runId: `r${index}`,
    user,
    project: '',
    gpus,
    gpuMemoryMib: null,
    cpus: gpus === 0 ? 1 : 0,
    memoryMib: 0,
    priority,
    position: index,
    hold: null,
    startAfterMs,
    dependencies: afterBack === 0 || on < 0 ? [] : [{ run: `r${on}`, on: 'ok' }],
  };
}

function paceOf(yard: AllocatorYard, requests: readonly Request[]): Pace {
  return {
    tookMs: (runId) => requests[Number(runId.slice(1))]?.tookMs ?? null,
    sinceMs: (runId) => yard.live.get(runId)?.sinceMs ?? null,
  };
}

/** Plays the yard on as things really go. By run: when it started. */
function played(yard: AllocatorYard, pace: Pace): Map<string, number> {
  const starts = new Map<string, number>();
  for (;;) {
    const { grants, wakeAtMs } = yard.step();
    for (const { runId } of grants) starts.set(runId, yard.now());
    if (grants.length > 0) continue;
    const ends = [...yard.live].map(
      ([runId, { sinceMs }]) => [runId, sinceMs + (pace.tookMs(runId) ?? 0)] as const,
    );
    const next = Math.min(wakeAtMs ?? Number.POSITIVE_INFINITY, ...ends.map(([, at]) => at));
    if (next === Number.POSITIVE_INFINITY) return starts;
    yard.pass(next - yard.now());
    for (const [runId, at] of ends) if (at <= yard.now()) yard.end(runId, 'ok');
  }
}

test('what is foretold comes true when each run takes as long as was expected', () => {
  fc.assert(
    fc.property(
      setting,
      fc.array(request, { maxLength: 12 }),
      fc.integer({ min: 0, max: 12 }),
      (yardSetting, requests, early) => {
        const yard = createYard(yardSetting);
        requests.slice(0, early).forEach((each, index) => {
          yard.submit(waitingOf(each, index));
        });
        while (yard.step().grants.length > 0);
        requests.slice(early).forEach((each, index) => {
          yard.submit(waitingOf(each, early + index));
        });
        const pace = paceOf(yard, requests);
        const foretold = estimate(yard.state(), yard.now(), pace);
        assert.deepEqual(foretold, played(yard, pace));
      },
    ),
    { numRuns: 500 },
  );
});

test('nothing is foretold of what waits for a run of unknown length', () => {
  const yard = createYard({ cards: [{ memoryMib: 0 }], cpus: 1, memoryMib: 0, limits: noLimits });
  const gpu = { user: 'ana', gpus: 1, priority: 0, startAfterMs: null, afterBack: 0, tookMs: 7 };
  yard.submit(waitingOf(gpu, 0));
  yard.step();
  yard.submit(waitingOf(gpu, 1));
  yard.submit(waitingOf({ ...gpu, gpus: 0 }, 2));
  const unknown = { ...paceOf(yard, [gpu, gpu, gpu]), tookMs: () => null };
  assert.deepEqual([...estimate(yard.state(), yard.now(), unknown)], [['r2', 0]]);
});

test('one that takes longer than expected is expected to take a little more', () => {
  const yard = createYard({ cards: [], cpus: 1, memoryMib: 0, limits: noLimits });
  const cpu = { user: 'ana', gpus: 0, priority: 0, startAfterMs: null, afterBack: 0, tookMs: 50 };
  yard.submit(waitingOf(cpu, 0));
  yard.step();
  yard.submit(waitingOf(cpu, 1));
  yard.pass(80);
  const starts = estimate(yard.state(), yard.now(), paceOf(yard, [cpu, cpu]));
  assert.deepEqual([...starts], [['r1', 85]]);
});
