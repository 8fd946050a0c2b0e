/** Snapshots that older charts left in registries: each version's are kept and must go on living. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createActor } from 'xstate';
import { upgraded } from '../../src/actors/index.ts';
import type { RunyardError } from '../../src/errors.ts';
import { runMachine, runMachineVersion } from '../../src/machines/index.ts';
import { runInput as input } from '../../src/testing/index.ts';
import { chart, events } from './chart.ts';

type Kept = { context: Record<string, unknown>; children: object; value: unknown };
const dir = path.resolve(import.meta.dirname, '../fixtures/snapshots');
const read = (version: string): { machine_version: string; snapshots: Kept[] } =>
  JSON.parse(fs.readFileSync(path.join(dir, `run-v${version}.json`), 'utf8'));
const versions = Array.from({ length: Number(runMachineVersion) }, (_, index) => `${index + 1}`);

test('there is a fixture of every version of the chart, with every state that was not final', () => {
  for (const version of versions) assert.equal(read(version).machine_version, version);
  const states = new Set(
    read(runMachineVersion).snapshots.map(({ value }) => JSON.stringify(value)),
  );
  for (const state of chart.states.filter((name) => !name.startsWith('{"done"'))) {
    assert.ok(states.has(state), `no snapshot of ${state}: node test/model/keep-snapshots.ts`);
  }
});

for (const version of versions) {
  test(`snapshots of chart ${version} are restored with all their effects, and reach done`, () => {
    const fresh = createActor(runMachine, { input }).getSnapshot().context;
    for (const kept of read(version).snapshots) {
      const snapshot = upgraded('aaaaaaaa', version, structuredClone(kept));
      assert.deepEqual(Object.keys(snapshot.context).sort(), Object.keys(fresh).sort());
      const began: string[] = [];
      const actor = createActor(chart.recording(began), { snapshot: snapshot as never, input });
      actor.start();
      assert.deepEqual(began.sort(), Object.keys(kept.children).sort(), JSON.stringify(kept.value));
      for (let round = 0; round < 8 && !isDone(actor); round += 1) {
        for (const type of wayOut) actor.send(eventOf(type));
      }
      assert.ok(isDone(actor), `${JSON.stringify(kept.value)} never ends`);
      actor.stop();
    }
  });
}

test('a snapshot of a future chart is refused, with the way out', () => {
  const [kept] = read(runMachineVersion).snapshots;
  assert.throws(
    () => upgraded('aaaaaaaa', String(Number(runMachineVersion) + 1), kept as Kept),
    (error: RunyardError) =>
      error.code === 'registry_from_future' && /upgrade Runyard/.test(error.message),
  );
});

/** Whatever a run is doing, these lead it to its end. */
const wayOut = ['run.stop', 'trainer.exited', 'output.collected', 'slots.released'] as const;
const eventOf = (type: string) => events.find((event) => event.type === type) ?? assert.fail(type);
const isDone = (actor: { getSnapshot(): { matches(state: 'done'): boolean } }): boolean =>
  actor.getSnapshot().matches('done');
