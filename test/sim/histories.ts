/** Worlds within the test runner: one seed after another, and what a failure says. */
import assert from 'node:assert/strict';
import { after, type TestContext } from 'node:test';
import { scratch, template } from './registry.ts';
import { runWorld, type WorldResult } from './world.ts';

const place = scratch();
const empty = template(place.dir);
after(place.remove);
const rejected: unknown[] = [];
process.on('unhandledRejection', (error) => rejected.push(error));

/** A world runs as a whole within one turn of the event loop, whose promises it settles itself. */
export function world(seed: number): Promise<WorldResult> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(runWorld({ seed, weather: null, ambush: null, dir: place.dir, template: empty }));
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** Worlds from this seed on, until so many runs went from submit to done. */
export async function simulate(t: TestContext, from: number, wanted: number): Promise<void> {
  let [lifecycles, worlds] = [0, 0];
  for (let seed = from; lifecycles < wanted; seed += 1) {
    const { violation, trace, lifecycles: more } = await world(seed);
    if (violation !== null) {
      const history = trace.slice(-200).join('\n');
      const replay = `replay: npm run sim -- --seed ${seed}`;
      assert.fail(`${violation.invariant}: ${violation.text}\n${history}\n${replay}`);
    }
    lifecycles += more;
    worlds += 1;
  }
  t.diagnostic(`${lifecycles} lifecycles in ${worlds} worlds`);
  assert.deepEqual(rejected, []);
}
