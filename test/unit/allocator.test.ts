/** Who gets what, who waits, and in which words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createLine,
  decide,
  explain,
  noLimits,
  type Waiting,
  words,
} from '../../src/allocator/index.ts';
import { clocksApartMs, createYard, type Setting } from './allocator-world.ts';

const gib = 1024;
const hour = 3_600_000;
let position = 0;

function asks(runId: string, request: Partial<Waiting> = {}): Waiting {
  position += 1;
  return {
    runId,
    user: 'ana',
    project: '',
    gpus: 0,
    gpuMemoryMib: null,
    cpus: request.gpus === undefined ? 1 : 0,
    memoryMib: 0,
    priority: 0,
    position,
    hold: null,
    startAfterMs: null,
    dependencies: [],
    ...request,
  };
}

function yardOf(setting: Partial<Setting>, ...runs: Waiting[]) {
  const yard = createYard({
    cards: [],
    cpus: 4,
    memoryMib: 64 * gib,
    limits: noLimits,
    ...setting,
  });
  for (const run of runs) yard.submit(run);
  const why = (runId: string): string => {
    const state = yard.state();
    const verdict = explain(state, yard.now()).get(runId);
    const waiting = yard.line.get(runId);
    assert.ok(verdict !== undefined && waiting !== undefined, `${runId} waits`);
    return words(verdict, waiting, state, yard.now());
  };
  const started = (): string[] => yard.step().grants.map(({ runId }) => runId);
  return { ...yard, why, started };
}
const cards = (...sizes: number[]): Setting['cards'] =>
  sizes.map((size) => ({ memoryMib: size * gib }));

test('a run that waits for two GPUs is told who holds which, and where it stands', () => {
  const yard = yardOf(
    { cards: cards(24, 24) },
    asks('x7', { gpus: 1 }),
    asks('x9', { gpus: 2, user: 'ben' }),
    asks('y1', { gpus: 1 }),
  );
  assert.deepEqual(yard.started(), ['x7']);
  yard.pass(3 * hour);
  assert.equal(
    yard.why('x9'),
    'needs 2 GPUs; g0 held by run x7 of ana for 3 h, g1 free; next in line',
  );
  assert.equal(yard.why('y1'), 'needs 1 GPU; 1 free, kept for x9; next in line, behind x9');
});

test('what needs no GPU passes a run that waits for one', () => {
  const yard = yardOf(
    { cards: cards(24) },
    asks('x1', { gpus: 1 }),
    asks('x2', { gpus: 1 }),
    asks('c1'),
    asks('c2', { cpus: 4 }),
    asks('c3'),
  );
  assert.deepEqual(yard.started(), ['x1', 'c1']);
  assert.equal(yard.why('c2'), 'needs 4 CPU slots; 3 of 4 free; next in line, behind x2');
  // It came after one that waits for CPU slots.
  assert.match(yard.why('c3'), /^needs 1 CPU slot; 3 of 4 free, kept for c2/);
});

test('a GPU that the first in line cannot use is for others', () => {
  const yard = yardOf(
    { cards: cards(24, 80) },
    asks('a', { gpus: 1, gpuMemoryMib: 40 * gib }),
    asks('b', { gpus: 1, gpuMemoryMib: 40 * gib }),
    asks('c', { gpus: 1 }),
  );
  const { grants } = yard.step();
  assert.deepEqual(grants, [
    { runId: 'a', slots: ['g1'] },
    { runId: 'c', slots: ['g0'] },
  ]);
});

test('small runs go to small GPUs, shares to GPUs that are shared already', () => {
  const yard = yardOf(
    { cards: cards(80, 24, 24) },
    asks('whole', { gpus: 1 }),
    asks('s1', { gpus: 0.25 }),
    asks('s2', { gpus: 0.5, gpuMemoryMib: 4 * gib }),
    asks('s3', { gpus: 0.25, gpuMemoryMib: 20 * gib }),
  );
  assert.deepEqual(
    yard.step().grants.map(({ slots }) => slots),
    // The last would fit by its share, and not by its memory.
    [['g1'], ['g2#0'], ['g2#1'], ['g0#0']],
  );
});

test('priority goes first, the earlier submit among equals', () => {
  const yard = yardOf(
    { cpus: 1 },
    asks('a'),
    asks('b', { priority: 5 }),
    asks('c', { priority: 5 }),
  );
  assert.deepEqual(yard.started(), ['b']);
  yard.end('b', 'ok');
  assert.deepEqual(yard.started(), ['c']);
});

test('a held run waits for a release, an early one for its time, and both keep nothing', () => {
  const hold = { by: 'ben', reason: 'look at it first' };
  const yard = yardOf(
    { cpus: 1 },
    asks('a', { hold }),
    asks('b', { startAfterMs: 2 * hour }),
    asks('c'),
  );
  assert.equal(yard.why('a'), 'held by ben: look at it first; runyard release a');
  assert.equal(yard.why('b'), 'not to start before 2 h from now');
  assert.equal(decide(yard.state(), yard.now()).wakeAtMs, 2 * hour);
  assert.deepEqual(yard.started(), ['c']);
  yard.end('c', 'ok');
  yard.pass(2 * hour);
  assert.deepEqual(yard.started(), ['b']);
});

test('a run that waits for another attempt says which and why, by a clock that nobody sets', () => {
  const backoff = {
    monoMs: clocksApartMs + 90_000,
    attempt: 'attempt 2 of 4',
    ended: 'attempt 1 failed: exited 1: CUDA out of memory',
  };
  const yard = yardOf({ cpus: 1 }, asks('a', { backoff }), asks('b'));
  assert.equal(
    yard.why('a'),
    'attempt 2 of 4 starts in 1 min, at 00:01:30 UTC; attempt 1 failed: exited 1: CUDA out of memory',
  );
  assert.equal(decide(yard.state(), yard.now()).wakeAtMs, 90_000);
  // The wall clock alone is set ahead.
  assert.deepEqual(
    decide(yard.state(), 10 * hour).grants.map(({ runId }) => runId),
    ['b'],
  );
  assert.deepEqual(yard.started(), ['b']);
  yard.end('b', 'ok');
  yard.pass(90_000);
  assert.deepEqual(yard.started(), ['a']);
});

test('a dependency that ended otherwise than asked ends the run, and those that wait for it', () => {
  const yard = yardOf(
    {},
    asks('a', { hold: { by: 'ana', reason: '' } }),
    asks('ok', { dependencies: [{ run: 'a', on: 'ok' }] }),
    asks('any', { dependencies: [{ run: 'a', on: 'any' }] }),
    asks('then', { dependencies: [{ run: 'ok', on: 'ok' }] }),
    asks('else', { dependencies: [{ run: 'ok', on: 'fail' }] }),
  );
  assert.deepEqual(yard.started(), []);
  assert.equal(yard.why('ok'), 'after a: when it has completed');
  yard.leave('a');
  assert.equal(yard.why('ok'), 'it was to start when a has completed, but that did not complete');
  const { grants, endings } = yard.step();
  assert.deepEqual(
    [grants.map(({ runId }) => runId), endings.map(({ runId }) => runId)],
    [['any'], ['ok']],
  );
  const next = yard.step();
  assert.deepEqual(
    [next.grants.map(({ runId }) => runId), next.endings.map(({ runId }) => runId)],
    [['else'], ['then']],
  );
});

test('limits of users and projects are kept and named', () => {
  const limits = { ...noLimits, userGpus: 2, projectRuns: 1 };
  const yard = yardOf(
    { cards: cards(24, 24, 24, 24), limits },
    asks('a', { gpus: 1 }),
    asks('b', { gpus: 2 }),
    asks('c', { gpus: 1 }),
    asks('d', { gpus: 4 }),
    asks('e', { gpus: 1, user: 'ben', project: 'dqn' }),
    asks('f', { gpus: 1, user: 'eve', project: 'dqn' }),
  );
  assert.deepEqual(yard.started(), ['a', 'e']);
  assert.equal(yard.why('b'), 'ana has 1 of at most 2 GPUs at once');
  assert.equal(
    yard.why('c'),
    'ana has 1 of at most 2 GPUs at once; the rest is kept for b, which came before it',
  );
  assert.equal(yard.why('d'), 'needs 4 GPUs; a user may have 2 at once');
  assert.equal(yard.why('f'), 'project dqn has 1 of at most 1 runs at once');
});

test('at most so many runs of a group are live, and what they need is free for others', () => {
  const group = { group: 'dqn', groupMost: 2 };
  const yard = yardOf(
    { cards: cards(24, 24, 24, 24) },
    asks('a', { gpus: 1, ...group }),
    asks('b', { gpus: 1, ...group }),
    asks('c', { gpus: 1, ...group }),
    asks('d', { gpus: 1, ...group }),
    asks('e', { gpus: 2 }),
  );
  assert.deepEqual(yard.started(), ['a', 'b', 'e']);
  for (const runId of ['c', 'd'])
    assert.equal(yard.why(runId), 'g:dqn has 2 of at most 2 runs at once');
});

test('GPUs that are drained, set aside, sick or used by others are given to nobody', () => {
  const yard = yardOf({ cards: cards(24, 24) }, asks('a', { gpus: 1 }), asks('b', { gpus: 2 }));
  const [first, second] = yard.gpus;
  assert.ok(first && second);
  first.shut = { kind: 'drained', text: 'drained by ana: new fans' };
  second.foreign = 'python of eve (pid 71, 9 GiB)';
  assert.equal(
    yard.why('a'),
    'needs 1 GPU; g1 used by python of eve (pid 71, 9 GiB); next in line',
  );
  assert.equal(yard.why('b'), 'needs 2 GPUs; of 2 1 in service: g0 is drained by ana: new fans');
  assert.deepEqual(yard.started(), []);
  second.foreign = null;
  assert.deepEqual(yard.step().grants, [{ runId: 'a', slots: ['g1'] }]);
});

test('a drained yard starts nothing, and says who wants that', () => {
  const yard = yardOf({}, asks('a'));
  yard.drain({ by: 'ana', reason: 'power cut at six' });
  assert.equal(yard.why('a'), 'nothing new starts here: drained by ana: power cut at six');
  assert.deepEqual(yard.started(), []);
  yard.drain(null);
  assert.deepEqual(yard.started(), ['a']);
});

test('more than the yard has is said as such', () => {
  const yard = yardOf(
    { cards: cards(24, 24), cpus: 8 },
    asks('gpus', { gpus: 4 }),
    asks('large', { gpus: 1, gpuMemoryMib: 40 * gib }),
    asks('cpus', { cpus: 64, memoryMib: 128 * gib }),
  );
  assert.equal(yard.why('gpus'), 'needs 4 GPUs; this yard has 2');
  assert.equal(yard.why('large'), 'needs 1 GPU of 40 GiB; this yard has 0 such');
  assert.equal(
    yard.why('cpus'),
    'needs 64 CPU slots; this yard has 8 CPU slots; needs 128 GiB of memory; this yard has 64 GiB of memory',
  );
});

test('the line keeps its order, whoever comes and goes', () => {
  const line = createLine();
  const runs = Array.from({ length: 200 }, (_, n) => asks(`r${n}`, { priority: (n * 7) % 5 }));
  for (const run of runs) line.put(run);
  for (const run of runs.filter((_, n) => n % 3 === 0)) line.take(run.runId);
  const [first] = runs.slice(1);
  assert.ok(first);
  line.put({ ...first, priority: -3 });
  const expected = runs
    .filter((_, n) => n % 3 !== 0)
    .map((run) => (run === first ? { ...run, priority: -3 } : run))
    .sort((a, b) => b.priority - a.priority || a.position - b.position);
  assert.deepEqual(line.inOrder, expected);
  assert.equal(line.size, expected.length);
});
