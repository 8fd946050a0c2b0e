/** The charts of the daemon and of the worker: each reachable state, each event in it, each arrow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyStateMachine } from 'xstate';
import { adjacencyMapToArray, getAdjacencyMap } from 'xstate/graph';
import { daemonMachine, quiet, workerMachine } from '../../src/machines/index.ts';

type Snapshot = { value: unknown; children: object; context: { error: unknown }; status: string };
type Step = { state: Snapshot; event: { type: string }; nextState: Snapshot };

const charts = [
  {
    machine: daemonMachine,
    events: [
      ...['registry.opened', 'runs.recovered', 'part.failed', 'parts.healed', 'daemon.stop'],
      ...['daemon.closed', 'effect.failed'],
    ],
    end: 'closed',
    way: ['daemon.stop', 'daemon.closed'],
  },
  {
    machine: workerMachine,
    events: [
      ...['attempt.attached', 'attempt.refused', 'trainer.found', 'trainer.ended'],
      ...['attempt.voided', 'attempt.lost', 'output.drained', 'artifacts.taken'],
      ...['facts.acknowledged', 'effect.failed'],
    ],
    end: 'finished',
    way: ['effect.failed', 'facts.acknowledged'],
  },
] as { machine: AnyStateMachine; events: string[]; end: string; way: string[] }[];

for (const { machine, events, end, way } of charts) {
  const names = Object.keys(machine.implementations.actors);
  const chart = quiet(machine);
  const key = ({ value, context }: Snapshot): string =>
    JSON.stringify([value, context.error !== null]);
  const eventsIn = ({ children }: Snapshot) => [
    ...events.map((type) => ({ type, error: new Error('failed'), text: 'failed' })),
    ...names
      .filter((name) => name in children)
      .map((id) => ({
        type: `xstate.error.actor.${id}`,
        error: new Error('crashed'),
        actorId: id,
      })),
  ];
  const steps = adjacencyMapToArray(
    getAdjacencyMap(chart, { events: eventsIn as never, serializeState: key as never }),
  ) as unknown as Step[];
  const nodes = [...nodesOf(chart.root)];

  test(`${machine.id}: every state is reached, and every arrow is taken`, (t) => {
    const reached = new Set(steps.map(({ state }) => JSON.stringify(state.value)));
    const taken = new Set<unknown>();
    for (const { state, event } of steps) {
      for (const arrow of chart.getTransitionData(state as never, event)) taken.add(arrow);
    }
    const arrows = nodes.flatMap((node) => [...node.transitions.values()].flat());
    const leaves = nodes.filter((node) => Object.keys(node.states).length === 0);
    t.diagnostic(
      `${reached.size} of ${leaves.length} states, ${taken.size} of ${arrows.length} arrows`,
    );
    assert.equal(reached.size, leaves.length);
    const missed = arrows.filter((arrow) => !taken.has(arrow));
    assert.deepEqual(
      missed.map(({ source, eventType }) => `${source.id} ${eventType}`),
      [],
    );
  });

  test(`${machine.id}: no event breaks it, its end is final, and from everywhere it can be ended`, () => {
    for (const { state, event, nextState } of steps) {
      const step = `${key(state)} + ${event.type} → ${key(nextState)}`;
      assert.notEqual(nextState.status, 'error', step);
      // An actor that is done takes no event any more.
      assert.equal(state.status === 'done', state.value === end, step);
      // A failure that was told once is not forgotten.
      if (state.context.error !== null) assert.notEqual(nextState.context.error, null, step);
    }
    for (const { state } of steps.filter((each) => each.state.status !== 'done')) {
      let at = key(state);
      for (const type of way) {
        at = key(
          steps.find((s) => key(s.state) === at && s.event.type === type)?.nextState ?? state,
        );
      }
      assert.equal(JSON.parse(at)[0], end, `${key(state)} by ${way}`);
    }
  });
}

test('the daemon serves nothing before every unfinished run was looked at (D1)', () => {
  const chart = quiet(daemonMachine);
  const map = getAdjacencyMap(chart, {
    events: charts[0]?.events.map((type) => ({ type, error: null })) as never,
    serializeState: (({ value }: Snapshot) => JSON.stringify(value)) as never,
  });
  for (const { state, event, nextState } of adjacencyMapToArray(map)) {
    if (!nextState.matches('serving') || state.matches('serving')) continue;
    assert.deepEqual([state.value, event.type], ['recovering', 'runs.recovered']);
  }
});

type Node = AnyStateMachine['root'];
function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const child of Object.values(node.states) as Node[]) yield* nodesOf(child);
}
