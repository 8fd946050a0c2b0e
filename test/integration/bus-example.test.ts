/** What another service gets from the bus, read by `examples/read-events.mjs` alone. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { type BusKind, validate } from '../../src/contracts/bus.ts';
import { startYard, until } from './yard.ts';

const example = path.resolve(import.meta.dirname, '../../examples/read-events.mjs');

test('a plain NATS client reads events and artifacts from the start, in order, gapless', async () => {
  await using yard = await startYard();
  const go = path.join(yard.home, 'go');
  await execa('mkfifo', [go]);
  const script = 'echo 12345 > model.txt; echo 1 > other.log; read x < go; exit 3';
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', script], cwd: yard.home, artifacts: ['*.txt'] },
    { env: { PATH: process.env.PATH } },
  );
  await until(async () => (await yard.client.health()).bus_connected, 'the bus');
  await until(async () => (await yard.client.get(run)).status === 'running', 'the run to go');
  const read = () => execa(process.execPath, [example, run], { env: { RUNYARD_HOME: yard.home } });
  // One reads along, one comes when all is over.
  const along = read();
  fs.writeFileSync(go, 'x\n');
  const done = await yard.client.wait(run);
  const [first, second] = [await along, await read()];
  assert.equal(first.stdout, second.stdout);
  const lines = first.stdout.split('\n').map((line) => JSON.parse(line));
  const artifacts = lines.pop();
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    Array.from({ length: done.last_seq }, (_, index) => index + 1),
  );
  assert.equal(lines.at(-1).to, 'done.failed');
  const { manifest, count, bytes, run_id, attempt } = artifacts;
  assert.deepEqual([run_id, attempt, count, bytes], [run, 1, 1, 6]);
  assert.equal(JSON.parse(fs.readFileSync(manifest, 'utf8')).artifacts[0].name, 'model.txt');
  const kinds: [BusKind, unknown[]][] = [
    ['event', lines],
    ['artifacts', [artifacts]],
  ];
  for (const [kind, messages] of kinds) {
    for (const message of messages) assert.deepEqual(validate(kind, message), []);
  }
});
