/** The charts of the product: nothing of a machine is missing, and the drawings in docs are those of today. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type AnyStateNode, createMachine } from 'xstate';
import { graphOf, layoutOf, mermaidOf, overviewOf, svgOf } from '../../src/chart/index.ts';
import { daemonMachine, runMachine, workerMachine } from '../../src/machines/index.ts';

const machines = [runMachine, daemonMachine, workerMachine];
const root = path.join(import.meta.dirname, '..', '..');

for (const machine of machines) {
  test(`the drawing of the ${machine.id} chart in docs/charts is of the machine as it is (npm run gen)`, async () => {
    const svg = svgOf(await layoutOf(graphOf(machine)));
    assert.equal(svg, fs.readFileSync(path.join(root, `docs/charts/${machine.id}.svg`), 'utf8'));
  });

  test(`a drawing of the ${machine.id} chart has every state and every event`, async () => {
    const graph = graphOf(machine);
    const drawings = { svg: svgOf(await layoutOf(graph)), mermaid: mermaidOf(graph) };
    const states = [...allStates(machine.root)];
    assert.deepEqual(graph.nodes.map(({ id }) => id).sort(), states.map(({ id }) => id).sort());
    for (const [kind, text] of Object.entries(drawings)) {
      for (const { id, events } of states) {
        if (id !== '')
          assert.ok(
            text.includes(kind === 'svg' ? `data-state="${id}"` : id.replaceAll('.', '_')),
            id,
          );
        for (const event of events) assert.ok(text.includes(event), `${kind}: ${id} + ${event}`);
      }
    }
  });
}

test('a run is lit where it is, and so are the ways that it took, and no others', async () => {
  const svg = svgOf(await layoutOf(graphOf(runMachine)), {
    active: 'running.live',
    counts: { 'running.live': 42 },
    steps: [
      { event: 'run.grant', from: 'queued', to: 'allocating.preflight' },
      { event: 'preflight.passed', from: 'allocating.preflight', to: 'allocating.leasing' },
      { event: 'slots.leased', from: 'allocating.leasing', to: 'running.starting' },
      { event: 'trainer.started', from: 'running.starting', to: 'running.live' },
    ],
  });
  const lit = [...svg.matchAll(/class="state \w+ active" data-state="([^"]*)"/g)].map(
    ([, id]) => id,
  );
  assert.deepEqual(lit, ['running', 'running.live']);
  const taken = [...svg.matchAll(/class="way taken" data-from="([^"]*)" data-to="([^"]*)"/g)];
  assert.deepEqual(taken.map(([, from, to]) => `${from} ${to}`).sort(), [
    'allocating.leasing running',
    'allocating.preflight allocating.leasing',
    'queued allocating',
    'running.starting running.live',
  ]);
  assert.match(svg, /class="count"[^>]*>42</);
});

test('no state lies upon another one, and each within the one around it', async () => {
  for (const machine of machines) {
    const { nodes } = await layoutOf(graphOf(machine));
    for (const node of nodes) {
      const around = nodes.find(({ id }) => id === node.parent && node.parent !== null);
      if (around !== undefined) assert.ok(isInside(node, around), `${node.id} in ${around.id}`);
      for (const other of nodes) {
        if (other.id <= node.id || other.parent !== node.parent) continue;
        assert.ok(isBeside(node, other), `${node.id} and ${other.id}`);
      }
    }
  }
});

test('the overview has every way of the chart between what it shows, and closed states stand for what is in them', () => {
  const closed = ['allocating', 'running.paused', 'stopping'];
  const graph = graphOf(runMachine);
  const small = overviewOf(graph, closed);
  const shownFor = (id: string) => closed.find((each) => `${id}.`.startsWith(`${each}.`)) ?? id;
  const ways = (edges: typeof graph.edges) =>
    new Set(
      edges.flatMap(({ from, to, labels }) =>
        shownFor(from) === shownFor(to)
          ? []
          : labels.map(({ event }) => `${shownFor(from)} ${event} ${shownFor(to)}`),
      ),
    );
  assert.deepEqual([...ways(small.edges)].sort(), [...ways(graph.edges)].sort());
  assert.equal(
    small.edges.length,
    new Set(small.edges.map(({ from, to }) => `${from} ${to}`)).size,
  );
  assert.deepEqual(
    small.nodes.map(({ id }) => id),
    graph.nodes.map(({ id }) => id).filter((id) => shownFor(id) === id),
  );
});

test('a machine with a transition that no event causes is refused: a chart could not show what comes', () => {
  const eventless = createMachine({ initial: 'a', states: { a: { always: 'b' }, b: {} } });
  assert.throws(() => graphOf(eventless), /has a transition without an event/);
});

type Box = { x: number; y: number; width: number; height: number };

function isInside(inner: Box, outer: Box): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

function isBeside(a: Box, b: Box): boolean {
  const apart = (from: number, size: number, other: number, otherSize: number): boolean =>
    from + size <= other || other + otherSize <= from;
  return apart(a.x, a.width, b.x, b.width) || apart(a.y, a.height, b.y, b.height);
}

function* allStates(node: AnyStateNode): Generator<{ id: string; events: string[] }> {
  yield {
    id: node.path.join('.'),
    events: [...node.transitions.keys()].filter((name) => !name.startsWith('xstate.')),
  };
  for (const child of Object.values(node.states)) yield* allStates(child);
}
