/** Every state and every transition of the abstract model, taken by a real daemon with real processes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replay } from '../../src/machines/index.ts';
import { chart } from './chart.ts';
import { coverageOf } from './coverage.ts';
import { onlyByFaults } from './faults.ts';
import { lifecycle } from './lifecycle.ts';
import { walk } from './walk.ts';

test('C8: a real daemon takes every path of the abstract lifecycle, and shows what it says', {
  timeout: 900_000,
}, async (t) => {
  const walked = await walk();
  for (const text of walked.again) t.diagnostic(`again, with more time: ${text}`);
  assert.deepEqual(walked.failures, []);

  const states = Object.keys(lifecycle.states);
  const transitions = Object.values(lifecycle.states).flatMap((node) =>
    node.ownEvents.map((event) => `${node.key} ${event}`),
  );
  t.diagnostic(
    `model: ${walked.states.size} of ${states.length} states, ${walked.transitions.size} ` +
      `of ${transitions.length} transitions, in ${walked.paths} paths`,
  );
  assert.deepEqual([...walked.states].sort(), states.sort());
  assert.deepEqual([...walked.transitions].sort(), transitions.sort());

  // What was recorded of a real run is what the pure chart does.
  const steps = walked.histories.flatMap(({ events }) => {
    const { steps: agreed, divergence } = replay(events);
    assert.equal(divergence, null);
    return agreed;
  });
  const covered = coverageOf(steps);
  t.diagnostic(
    `real chart: ${covered.states} of ${chart.states.length} states, ` +
      `${covered.arrows} of ${chart.transitions.length} arrows, by ${steps.length} recorded steps`,
  );
  for (const arrow of covered.missed.arrows) t.diagnostic(`  ${arrow}: ${onlyByFaults[arrow]}`);
  assert.deepEqual(covered.missed.states, []);
  assert.deepEqual(
    covered.missed.arrows.filter((arrow) => onlyByFaults[arrow] === undefined),
    [],
    'every arrow that no fault is needed for was taken by a real run',
  );
});
