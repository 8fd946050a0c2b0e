/**
 * `node test/model/keep-snapshots.ts` writes a snapshot of every state of today's chart into the
 * fixtures. Run it when the version of the chart was raised; files of older versions stay as they are.
 */
import fs from 'node:fs';
import path from 'node:path';
import { getShortestPaths } from 'xstate/graph';
import { runMachineVersion } from '../../src/machines/index.ts';
import { runInput as input } from '../../src/testing/index.ts';
import { chart, events } from './chart.ts';

const file = path.resolve(
  import.meta.dirname,
  `../fixtures/snapshots/run-v${runMachineVersion}.json`,
);
const paths = getShortestPaths(chart.idle, {
  input,
  events,
  limit: 500_000,
  serializeState: ({ value, context }) =>
    JSON.stringify([value, context.stop !== null, context.outcome?.code]),
});
const snapshots = new Map<string, unknown>();
for (const { state } of paths) {
  const key = JSON.stringify(state.value);
  if (state.matches('done') || snapshots.has(key)) continue;
  snapshots.set(key, JSON.parse(JSON.stringify(chart.idle.getPersistedSnapshot(state))));
}
const kept = { machine_version: runMachineVersion, snapshots: [...snapshots.values()] };
fs.writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
process.stdout.write(`${snapshots.size} snapshots: ${file}\n`);
