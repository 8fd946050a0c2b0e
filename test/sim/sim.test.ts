/** The whole orchestrator on simulated time: invariants after every step, liveness at the end. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { mutate, readMutants } from './mutant.ts';
import { scratch, template } from './registry.ts';
import { settlePromises } from './schedule.ts';
import { runWorld, type WorldResult } from './world.ts';

const place = scratch();
const empty = template(place.dir);
after(place.remove);
const rejected: unknown[] = [];
process.on('unhandledRejection', (error) => rejected.push(error));

/** A world runs as a whole within one turn of the event loop, whose promises it settles itself. */
function world(seed: number): Promise<WorldResult> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(runWorld({ seed, dir: place.dir, template: empty }));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function passes({ seed, violation, trace }: WorldResult): void {
  if (violation === null) return;
  const { invariant, text } = violation;
  assert.fail(`${invariant}: ${text}\n${trace.join('\n')}\nreplay: npm run sim -- --seed ${seed}`);
}

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

test('in 1,000 lifecycles among faults no invariant is broken, and all that began comes to its end', async (t) => {
  let lifecycles = 0;
  let worlds = 0;
  for (let seed = 1; lifecycles < 1000; seed += 1) {
    const result = await world(seed);
    passes(result);
    lifecycles += result.lifecycles;
    worlds += 1;
  }
  t.diagnostic(`${lifecycles} lifecycles in ${worlds} worlds`);
  assert.deepEqual(rejected, []);
});
