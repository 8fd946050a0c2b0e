/** Every state and every transition of the abstract model, taken by a real daemon with real processes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createTestModel } from 'xstate/graph';
import { startYard, type Yard } from '../integration/yard.ts';
import { lifecycle, type Shows } from './lifecycle.ts';
import { tours } from './tours.ts';
import { createWorld } from './world.ts';

const lanes = 4;
const paths = createTestModel(lifecycle).getPaths(() => tours(lifecycle) as never);

test('every path of the model is what a real daemon does', async (t) => {
  const config = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-config-'));
  t.after(() => fs.rmSync(config, { recursive: true }));
  fs.mkdirSync(path.join(config, 'runyard'));
  fs.writeFileSync(path.join(config, 'runyard', 'config.yaml'), 'kill_patience_s: 10\n');
  const waiting = [...paths]
    .filter((p) => p.description.includes(process.env.ONLY ?? ''))
    .sort((a, b) => b.steps.length - a.steps.length);
  const failures: string[] = [];
  const lane = async (): Promise<void> => {
    await using yard = await startLane(config);
    for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
      const began = performance.now();
      const world = createWorld(yard);
      try {
        await path.test({
          events: world.events as never,
          states: { '*': (state) => world.expect(metaOf(state)) },
        });
        await world.history();
      } catch (error) {
        failures.push(`${path.description}\n${error instanceof Error ? error.message : error}`);
      } finally {
        await world
          .leave()
          .catch((error) => failures.push(`${path.description}\n leave: ${error}`));
      }
      t.diagnostic(`${Math.round(performance.now() - began)} ms: ${path.description}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  assert.deepEqual(failures, []);
});

/** A daemon with one GPU, so that a run with it makes the next one wait. */
async function startLane(config: string): Promise<Yard> {
  return startYard({ RUNYARD_GPUS: 'fake:1', RUNYARD_PARALLEL: '2', XDG_CONFIG_HOME: config });
}

function metaOf(state: { getMeta(): object }): Shows {
  const [meta] = Object.values(state.getMeta());
  return meta as Shows;
}
