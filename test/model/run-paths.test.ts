/** Everything that the real run chart can do: each reachable state, each event in it, each arrow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createActor, type SnapshotFrom, transition } from 'xstate';
import { adjacencyMapToArray, getAdjacencyMap } from 'xstate/graph';
import type { RunEvent } from '../../src/machines/index.ts';
import {
  runInput as input,
  runRetry as retry,
  runEventsIn,
  runStateKey,
} from '../../src/testing/index.ts';
import { chart } from './chart.ts';

const machine = chart.idle;
type Snapshot = SnapshotFrom<typeof machine>;

type Step = { state: Snapshot; event: RunEvent; nextState: Snapshot };
/** One that is never tried again, and one that is, once. */
const steps = [input, { ...input, retry }].flatMap(
  (each) =>
    adjacencyMapToArray(
      getAdjacencyMap(machine, {
        input: each,
        events: runEventsIn as never,
        limit: 2_000_000,
        serializeState: runStateKey as never,
      }),
    ) as Step[],
);
const states = [...new Map(steps.map(({ state }) => [runStateKey(state), state])).values()];

const name = (snapshot: Snapshot): string => JSON.stringify(snapshot.value);
const isDone = (snapshot: Snapshot): boolean => snapshot.matches('done');

test('every state of the chart is reached, and every arrow of it is taken', (t) => {
  const reached = new Set(states.map(name));
  assert.deepEqual([...reached].sort(), [...chart.states].sort());
  const taken = new Set<unknown>();
  for (const { state, event } of steps) {
    for (const arrow of machine.getTransitionData(state as never, event as never)) taken.add(arrow);
  }
  const missed = chart.transitions.filter(({ transition: arrow }) => !taken.has(arrow));
  t.diagnostic(
    `${reached.size} of ${chart.states.length} states, ` +
      `${chart.transitions.length - missed.length} of ${chart.transitions.length} arrows, ` +
      `${states.length} states with context, ${steps.length} steps`,
  );
  assert.deepEqual(
    missed.map(({ id }) => id),
    [],
  );
});

test('in every step the invariants of the chart hold', () => {
  for (const { state: before, event, nextState: after } of steps) {
    const step = `${name(before)} + ${event.type} → ${name(after)}`;
    const moved = name(before) !== name(after);
    assert.notEqual(after.status, 'error', step);
    if (isDone(before)) assert.ok(!moved, `done is left: ${step}`);
    const held = before.matches('running') || before.matches('stopping');
    if (held && isDone(after) && !before.matches({ stopping: 'releasing' })) {
      assert.fail(`slots are kept: ${step}`);
    }
    if (held && after.matches('queued')) {
      checkNext(before, after, step);
    } else assert.equal(after.context.attempt, before.context.attempt, step);
    assert.ok(!(before.matches('stopping') && after.matches('running')), `revived: ${step}`);
    if (before.context.stop !== null) {
      assert.deepEqual(after.context.stop, before.context.stop, `who stopped it: ${step}`);
      assert.ok(!after.matches('running'), `a stopped run goes on: ${step}`);
      assert.ok(!after.matches({ done: 'completed' }), `a stopped run completed: ${step}`);
      assert.ok(!after.matches('queued'), `a stopped run is tried again: ${step}`);
    }
    const [was, is] = [before.context.outcome, after.context.outcome];
    const unkillable = is?.code === 'unkillable';
    const again = after.matches('queued');
    if (was !== null && !unkillable && !again) assert.deepEqual(is, was, `first cause: ${step}`);
    if (moved && isDone(after)) {
      if (after.matches({ done: 'completed' })) assert.equal(is?.status, 'completed', step);
      if (after.matches({ done: 'cancelled' })) assert.ok(after.context.stop !== null, step);
      assert.ok(is !== null || after.context.stop !== null, `no reason: ${step}`);
      if (unkillable) assert.ok(after.matches({ done: 'failed' }), step);
    }
    if (after.matches('running')) assert.deepEqual(after.context.slots, ['g0'], step);
  }
});

/** Another attempt follows only one that never ran, or one whose end the policy names. */
function checkNext(before: Snapshot, after: Snapshot, step: string): void {
  const { outcome, retries, lateStop, cause } = before.context;
  assert.equal(after.context.attempt, before.context.attempt + 1, step);
  assert.equal(lateStop, null, `somebody did not want it any more: ${step}`);
  assert.deepEqual(
    [after.context.outcome, after.context.exit, after.context.slots],
    [null, null, []],
  );
  if (after.context.retries === retries) {
    assert.equal(outcome?.code, 'voided', `what may have run again: ${step}`);
    return;
  }
  assert.equal(after.context.retries, retries + 1, step);
  assert.ok(retries < (before.context.retry?.max ?? 0), `once too often: ${step}`);
  const code = outcome?.code ?? '';
  const outOfMemory = cause !== null && ['exit_nonzero', 'signal'].includes(code);
  assert.ok(outOfMemory || ['stalled', 'voided', 'launch_failed'].includes(code), step);
  assert.equal(after.context.notBefore?.mono_ms, 1 + retry.backoffMs, step);
  assert.equal(after.context.last?.attempt, before.context.attempt, step);
}

test('waiting and finished runs invoke nothing, all others what leads them on', () => {
  for (const state of states) {
    const invoked = Object.keys(state.children);
    const rests = state.matches('queued') || isDone(state);
    assert.equal(invoked.length === 0, rests, `${name(state)}: ${invoked}`);
  }
});

test('from every state, a restored chart behaves as the one that was saved', () => {
  // Of those with a policy the ones that were given up as well would take most of the time.
  const kept = states.filter(({ context }) => context.retry === null || context.voids === 0);
  for (const state of kept) {
    const saved = JSON.stringify(machine.getPersistedSnapshot(state));
    const restored = createActor(machine, { snapshot: JSON.parse(saved), input });
    const again = restored.getSnapshot() as Snapshot;
    assert.equal(
      JSON.stringify(machine.getPersistedSnapshot(again)),
      saved,
      'saving, restoring and saving again gives the same',
    );
    for (const event of runEventsIn(state)) {
      const [a, b] = [state, again].map((from) => {
        const [next, actions] = transition(machine, from, event);
        return JSON.stringify([next.value, next.context, actions.map(({ type }) => type)]);
      });
      assert.equal(a, b, `${name(state)} + ${event.type}`);
    }
  }
});

test('from every state the run can still reach its end', () => {
  const ends = new Set(states.filter(isDone).map(runStateKey));
  const into = new Map<string, string[]>();
  for (const { state, nextState } of steps) {
    const list = into.get(runStateKey(nextState)) ?? [];
    list.push(runStateKey(state));
    into.set(runStateKey(nextState), list);
  }
  const waiting = [...ends];
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    for (const before of into.get(key) ?? []) {
      if (!ends.has(before)) waiting.push(before);
      ends.add(before);
    }
  }
  assert.deepEqual(states.filter((state) => !ends.has(runStateKey(state))).map(name), []);
});
