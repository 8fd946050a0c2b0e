import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createActor, fromCallback, setup } from 'xstate';
import { durable } from '../../src/actors/index.ts';

/** A small chart whose second state has an effect; `began` tells when that effect began. */
function chart(began: () => void) {
  return setup({
    types: { events: {} as { type: 'go' } | { type: 'unknown' } },
    actors: { effect: fromCallback(() => began()) },
  }).createMachine({
    id: 'small',
    initial: 'idle',
    states: {
      idle: { on: { go: 'busy' } },
      busy: { invoke: { id: 'effect', src: 'effect' } },
    },
  });
}

test('an effect begins only after its transition was committed', () => {
  const order: string[] = [];
  const machine = durable(
    chart(() => order.push('effect')),
    ({ after }) => order.push(`commit ${String((after as { value: unknown }).value)}`),
    () => order.push('refused'),
  );
  const actor = createActor(machine).start();
  actor.send({ type: 'go' });
  assert.deepEqual(order, ['commit busy', 'effect']);
  actor.stop();
});

test('a transition that cannot be committed has no effect and leaves the state as it was', () => {
  const order: string[] = [];
  let broken = true;
  const machine = durable(
    chart(() => order.push('effect')),
    () => {
      if (broken) throw new Error('disk');
      order.push('commit');
    },
    (event) => order.push(`refused ${event.type}`),
  );
  const actor = createActor(machine).start();
  actor.send({ type: 'go' });
  assert.equal(actor.getSnapshot().value, 'idle');
  broken = false;
  actor.send({ type: 'go' });
  assert.equal(actor.getSnapshot().value, 'busy');
  assert.deepEqual(order, ['refused go', 'commit', 'effect']);
  actor.stop();
});

test('an event that changes nothing commits nothing, and neither does a stop', () => {
  let commits = 0;
  const machine = durable(
    chart(() => undefined),
    () => {
      commits += 1;
    },
    () => assert.fail('refused'),
  );
  const actor = createActor(machine).start();
  actor.send({ type: 'unknown' });
  actor.stop();
  assert.equal(commits, 0);
});

test('a restored chart starts the effect of its state again', () => {
  let began = 0;
  const machine = durable(
    chart(() => {
      began += 1;
    }),
    () => undefined,
    () => assert.fail('refused'),
  );
  const first = createActor(machine).start();
  first.send({ type: 'go' });
  const saved = JSON.parse(JSON.stringify(first.getPersistedSnapshot()));
  first.stop();
  const second = createActor(machine, { snapshot: saved }).start();
  assert.equal(began, 2);
  second.stop();
});
