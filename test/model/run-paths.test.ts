/** Every path through the real run chart, with the invariants that hold on each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createActor, fromCallback, type SnapshotFrom } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { type RunEvent, runMachine } from '../../src/machines/index.ts';

const idle = fromCallback<RunEvent, never>(() => undefined);
const machine = runMachine.provide({
  actors: {
    preflight: idle,
    lease: idle,
    launch: idle,
    watch: idle,
    pause: idle,
    resume: idle,
    terminate: idle,
    kill: idle,
    collect: idle,
    release: idle,
    alarm: idle,
  } as never,
});
const now = { boot_id: 'b', mono_ms: 1, wall_ms: 1 };
const at = '2026-01-01T00:00:00.000Z';
const stop = { user: 'ana', reason: 'wrong lr', at, now };

const events: RunEvent[] = [
  { type: 'run.grant', slots: ['g0'] },
  { type: 'run.stop', ...stop, skipGrace: false },
  { type: 'run.stop', ...stop, skipGrace: true },
  { type: 'preflight.passed' },
  { type: 'preflight.failed', code: 'preflight_failed', text: 'no cwd' },
  { type: 'slots.leased', slots: ['g0'], now },
  { type: 'slots.refused', text: 'taken' },
  { type: 'slots.released' },
  { type: 'launch.failed', code: 'launch_failed', text: 'x', now },
  { type: 'start.timed_out', now },
  { type: 'run.pause', user: 'ana', reason: 'demo', at },
  { type: 'run.resume', user: 'ana', reason: 'demo over', at },
  { type: 'trainer.paused' },
  { type: 'trainer.resumed' },
  { type: 'trainer.stalled', text: 'silent', now },
  { type: 'attempt.lost', text: 'removed' },
  { type: 'leftovers.survived' },
  { type: 'attempt.voided' },
  { type: 'trainer.started', pid: 1, at },
  { type: 'trainer.exited', exit: { kind: 'exited', code: 0 }, at },
  { type: 'trainer.exited', exit: { kind: 'exited', code: 3 }, at },
  { type: 'trainer.exited', exit: { kind: 'signaled', signal: 'SIGTERM' }, at },
  { type: 'trainer.vanished', text: 'gone' },
  { type: 'recorder.lost', now },
  { type: 'machine.rebooted' },
  { type: 'worker.silent' },
  { type: 'worker.heard' },
  { type: 'limit.reached', now },
  { type: 'grace.ended', now },
  { type: 'kill.timed_out' },
  { type: 'output.collected', manifest: '', artifacts: 0, last_metric: '' },
  { type: 'effect.failed', effect: 'x', text: 'y' },
];
const input = { runId: 'aaaaaaaa', stopSignal: 'SIGTERM', graceMs: 10, timeLimitMs: 100 };

type Snapshot = SnapshotFrom<typeof machine>;
const name = (snapshot: Snapshot): string => JSON.stringify(snapshot.value);
const isDone = (snapshot: Snapshot): boolean => name(snapshot).startsWith('{"done"');

const paths = getShortestPaths(machine, {
  input,
  events,
  limit: 200_000,
  serializeState: ({ value, context }) =>
    JSON.stringify([value, context.attempt, context.stop !== null, context.outcome, context.exit]),
});

test('every state of the chart is reached, and every final one', () => {
  const reached = new Set(paths.map(({ state }) => name(state)));
  const wanted = [
    '"queued"',
    ...['preflight', 'leasing'].map((s) => `{"allocating":"${s}"}`),
    ...['starting', 'live', 'silent', 'resuming'].map((s) => `{"running":"${s}"}`),
    ...['asked', 'confirmed'].map((s) => `{"running":{"paused":"${s}"}}`),
    ...['terminating', 'killing', 'collecting', 'releasing'].map((s) => `{"stopping":"${s}"}`),
    ...['completed', 'failed', 'cancelled', 'rejected', 'lost'].map((s) => `{"done":"${s}"}`),
  ];
  for (const state of wanted) assert.ok(reached.has(state), `${state} is not reached`);
  assert.equal(reached.size, wanted.length);
});

test('on every path the invariants of the chart hold', () => {
  for (const { steps, state } of paths) {
    const states = [...steps.map((step) => step.state), state] as Snapshot[];
    let launched = false;
    for (const [index, snapshot] of states.entries()) {
      const before = states[index - 1];
      assert.equal(snapshot.status, 'active', 'no path leads into an error');
      if (before === undefined) continue;
      const stepName = `${name(before)} → ${name(snapshot)}`;
      assert.ok(!isDone(before) || name(before) === name(snapshot), `done is left: ${stepName}`);
      if (before.matches({ allocating: 'leasing' })) launched = true;
      if (isDone(snapshot) && launched && !isDone(before)) {
        assert.ok(before.matches({ stopping: 'releasing' }), `slots are kept: ${stepName}`);
      }
      if (before.context.stop !== null) {
        assert.ok(snapshot.context.stop !== null, 'who asked for the stop is forgotten');
        assert.ok(!snapshot.matches('running'), `a stopped run goes on: ${stepName}`);
        assert.ok(!snapshot.matches({ done: 'completed' }), 'a stopped run is called completed');
      }
      assert.ok(snapshot.context.attempt - before.context.attempt <= 1);
      if (snapshot.matches('queued')) launched = false;
    }
  }
});

test('from every state, a restored chart behaves as the one that was saved', () => {
  const seen = new Set<string>();
  for (const { state } of paths) {
    const snapshot = state as Snapshot;
    const key = `${name(snapshot)}${JSON.stringify(snapshot.context)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const saved = JSON.stringify(machine.getPersistedSnapshot(snapshot));
    for (const event of events) {
      const [a, b] = [0, 1].map(() => {
        const actor = createActor(machine, { snapshot: JSON.parse(saved), input }).start();
        actor.send(event);
        const after = actor.getSnapshot();
        actor.stop();
        return JSON.stringify([after.value, after.context]);
      });
      assert.equal(a, b);
      const restored = createActor(machine, { snapshot: JSON.parse(saved), input });
      const again = JSON.stringify(restored.getPersistedSnapshot());
      assert.equal(again, saved, 'saving, restoring and saving again gives the same');
    }
  }
});
