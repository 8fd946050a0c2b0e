/** What real daemons of each version recorded goes the same way on today's chart. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { type RecordedEvent, replay, runMachineVersion } from '../../src/machines/index.ts';

const root = path.resolve(import.meta.dirname, '../..');
const dir = path.join(root, 'test/fixtures/histories');
const files = fs.readdirSync(dir).sort();
/** One that ends well: the tests below tamper with it. */
const completed = files.findLast((file) => file.includes('-completed-')) ?? '';
const read = (file: string): RecordedEvent[] =>
  fs
    .readFileSync(path.join(dir, file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/**
 * Histories that today's chart is meant to take otherwise: the first step that differs, and why. A run
 * that such a daemon left unfinished is taken up by its snapshot, never by its history.
 */
const changed: Readonly<Record<string, { seq: number; why: string }>> = {};

test('there are histories of every version of the chart', () => {
  for (let version = 1; version <= Number(runMachineVersion); version += 1) {
    const kept = files.filter((file) => file.startsWith(`v${version}-`));
    assert.ok(kept.length > 0, `none of ${version}: node test/model/keep-histories.ts`);
  }
});

for (const file of files) {
  test(`${file}: each recorded step is what today's chart does`, () => {
    const history = read(file);
    const { steps, divergence } = replay(history);
    assert.equal(divergence?.seq, changed[file]?.seq, JSON.stringify(divergence));
    if (divergence === null) {
      assert.equal(steps.length, history.length - 1);
      assert.match(history.at(-1)?.to ?? '', /^done\./);
    }
  });
}

test('a replay finds the first step that differs, whichever field it is', () => {
  const history = read(completed);
  const last = history.length - 1;
  const tampered = (at: number, change: Partial<RecordedEvent>): RecordedEvent[] =>
    history.map((each, index) => (index === at ? { ...each, ...change } : each));
  for (let at = 1; at <= last; at += 1) {
    const seq = at + 1;
    const found = (change: Partial<RecordedEvent>) => {
      const { divergence } = replay(tampered(at, change));
      return [divergence?.seq, divergence?.field];
    };
    assert.deepEqual(found({ to: 'done.lost' }), [seq, 'to']);
    assert.deepEqual(found({ from: 'done.lost' }), [seq, 'from']);
    assert.deepEqual(found({ attempt: 7 }), [seq, 'attempt']);
    assert.deepEqual(found({ event: 'worker.heard' }), [seq, 'event']);
    assert.deepEqual(found({ seq: seq + 1 }), [seq + 1, 'seq']);
  }
  assert.equal(replay(history.slice(1)).divergence?.field, 'seq');
});

test('an exit whose record was cut away cannot be replayed, and that is said', () => {
  const history = read(completed);
  const cut = history.map((each) =>
    each.event === 'trainer.exited' ? { ...each, detail_json: '{"cut":true}' } : each,
  );
  const { divergence } = replay(cut);
  assert.deepEqual([divergence?.event, divergence?.field], ['trainer.exited', 'event']);
});

test('npm run replay says that all is as recorded, or shows the difference and exits 1', async () => {
  const script = path.join(root, 'scripts/replay.ts');
  const run = (args: string[], input = '') =>
    execa(process.execPath, [script, ...args], { cwd: dir, reject: false, input });
  const all = await run(files);
  assert.equal(all.exitCode, 0, all.stdout);
  const history = read(completed);
  const [wrong] = history.slice(-1).map((each) => ({ ...each, to: 'done.lost' }));
  const other = await run(['-'], JSON.stringify([...history.slice(0, -1), wrong]));
  assert.equal(other.exitCode, 1);
  assert.match(other.stdout, /differs at event \d+[\s\S]*recorded done\.lost, today done\./);
  assert.equal((await run(['missing.json'])).exitCode, 2);
});
