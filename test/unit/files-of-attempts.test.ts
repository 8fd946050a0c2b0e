/** Which files are an attempt's, and where reading them goes on. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { createFileReader, type FileState, type Point } from '../../src/capture/index.ts';
import { descendantsOf, writtenFiles } from '../../src/processes/index.ts';
import { openClaims } from '../../src/worker/claims.ts';
import { candidateAt, searchBelow } from '../../src/worker/search.ts';

function temporary(t: TestContext): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-files-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

const fixture = path.resolve(import.meta.dirname, '../fixtures/capture/tensorboardx.tfevents');

test('a reader that is replaced after any point gives each point once', (t) => {
  const dir = temporary(t);
  const table = path.join(dir, 'progress.csv');
  fs.writeFileSync(table, `step,a,b\n${[1, 2, 3, 4].map((n) => `${n},${n / 2},nan`).join('\n')}\n`);
  const drain = (file: string, state: FileState, most: number): [Point[], FileState] => {
    const reader = createFileReader(file, state);
    const points: Point[] = [];
    while (points.length < most && reader.read()) {
      const point = reader.next();
      if (point !== null) points.push(point);
    }
    // As it comes back from the bus.
    const left = JSON.parse(JSON.stringify(reader.state())) as FileState;
    reader.close();
    return [points, left];
  };
  for (const [file, format] of [
    [fixture, 'tensorboard'],
    [table, 'csv'],
  ] as const) {
    const start: FileState = { format, offset: 0, skip: 0, done: 0 };
    const [whole] = drain(file, start, Number.POSITIVE_INFINITY);
    assert.ok(whole.length >= 8);
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 6 }), (stops) => {
        let state = start;
        const all: Point[] = [];
        for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
          const [points, next] = drain(file, state, stop);
          all.push(...points);
          state = next;
        }
        assert.deepEqual(all, whole);
      }),
      { numRuns: 50 },
    );
  }
});

test('only what is open for writing tells whose a file is', (t) => {
  const dir = temporary(t);
  const [read, written] = [path.join(dir, 'data.csv'), path.join(dir, 'progress.csv')];
  for (const file of [read, written]) fs.writeFileSync(file, '');
  const open = [fs.openSync(read, 'r'), fs.openSync(written, 'a')];
  t.after(() => {
    for (const fd of open) fs.closeSync(fd);
  });
  assert.deepEqual([...writtenFiles([process.pid], (file) => file.startsWith(dir))], [written]);
  assert.ok(descendantsOf(process.pid).includes(process.pid));
});

test('a search is bounded, passes programs over, and finds what is new first', (t) => {
  const dir = temporary(t);
  for (const name of ['.git', 'node_modules', 'runs/1/a', 'runs/2/b'])
    fs.mkdirSync(path.join(dir, name), { recursive: true });
  for (const name of ['.git/x.csv', 'node_modules/x.csv', 'runs/1/a/x.csv', 'runs/2/b/x.csv'])
    fs.writeFileSync(path.join(dir, name), '');
  fs.utimesSync(path.join(dir, 'runs/1'), 1, 1);
  const names = (most: number) =>
    searchBelow(dir, most).found.map(({ file }) => path.relative(dir, file));
  assert.deepEqual(names(1000).sort(), ['runs/1/a/x.csv', 'runs/2/b/x.csv']);
  for (let n = 0; n < 500; n += 1) fs.mkdirSync(path.join(dir, `runs/old-${n}`));
  assert.ok(searchBelow(dir, 100).cut);
});

test('claims of neighbours are seen while anybody of their time lives, and then removed', (t) => {
  const dir = temporary(t);
  const place = path.join(dir, 'capture');
  const open = (name: string, sinceMs: number) => {
    fs.mkdirSync(path.join(dir, name), { recursive: true });
    return openClaims({ place, name, dir: path.join(dir, name), cwd: dir, sinceMs });
  };
  const now = Date.now();
  const old = path.join(dir, 'old.csv');
  fs.writeFileSync(old, 'step,a\n');
  const [one, two] = [open('one', now - 1000), open('two', now - 900)];
  assert.equal(one.sizeBefore(old), 7);
  const mine = candidateAt(old);
  assert.ok(mine !== null);
  one.claim(mine);
  one.close();
  assert.deepEqual(
    two.neighbours().map(({ files }) => [...files]),
    [[mine.id]],
  );
  const late = open('late', Date.now() + 60_000);
  assert.deepEqual(late.neighbours().length, 1, 'who was over before it began is no neighbour');
  two.close();
  assert.deepEqual(fs.readdirSync(place), ['late']);
  late.close();
});
