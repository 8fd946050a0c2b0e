import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyActorLogic, createActor } from 'xstate';
import { type EffectDeps, provideRun } from '../../src/actors/index.ts';

test('what no worker comes to kill the daemon kills itself, until the state is left', async () => {
  const done: string[] = [];
  let ring: () => void = () => undefined;
  const clock = {
    after: (_: number, act: () => void) => {
      ring = act;
      return () => undefined;
    },
  };
  const executor = {
    wish: (_run: string, _attempt: number, { kind }: { kind: string }) => void done.push(kind),
    swept: () => done.push('swept') > 0,
  };
  const machine = provideRun({ clock, executor } as unknown as EffectDeps);
  const logic = machine.implementations.actors.kill as AnyActorLogic;
  const killing = createActor(logic, { input: { runId: 'k3f9a2mx', attempt: 1 } });
  const turn = async (): Promise<void> => {
    ring();
    await new Promise((resolve) => setImmediate(resolve));
  };
  killing.start();
  assert.deepEqual(done, ['kill']);
  await turn();
  await turn();
  assert.deepEqual(done, ['kill', 'swept', 'swept']);
  killing.stop();
  await turn();
  assert.deepEqual(done, ['kill', 'swept', 'swept']);
});
