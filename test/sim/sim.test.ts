/** The whole orchestrator on simulated time: invariants after every step, liveness at the end. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { simulate, world } from './histories.ts';
import { mutate, readMutants } from './mutant.ts';
import { settlePromises } from './schedule.ts';

test('a promise is settled within a step', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      const act = async (): Promise<void> => {
        for (let turn = 0; turn < 5; turn += 1) await null;
        order.push('settled');
      };
      void act();
      settlePromises();
      order.push('after');
      resolve();
    });
  });
  assert.deepEqual(order, ['settled', 'after']);
});

test('one seed is one history', async () => {
  for (const seed of [3, 17, 101]) {
    const [first, second] = [await world(seed), await world(seed)];
    assert.equal(first.hash, second.hash, `seed ${seed}`);
    assert.equal(first.steps, second.steps);
  }
});

test('every mutant finds the text that it breaks', (t) => {
  const root = path.join(import.meta.dirname, '..', '..');
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-mutants-'));
  t.after(() => fs.rmSync(copy, { recursive: true, force: true }));
  const mutants = readMutants();
  assert.ok(mutants.length >= 15);
  for (const mutant of mutants) {
    fs.cpSync(path.join(root, 'src'), path.join(copy, 'src'), { recursive: true });
    mutate(copy, mutant);
  }
});

test('among faults no invariant is broken, and all that began comes to its end', (t) =>
  simulate(t, 1, 2500));
