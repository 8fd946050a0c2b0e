/** Points and events of a run in its own directory: each once, whatever a crash left. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import {
  type Known,
  knownPoints,
  nameMatcher,
  openEvents,
  openPoints,
  pointsAfter,
  pointsName,
  textAfter,
} from '../../src/history/index.ts';
import { removeTree } from '../remove-tree.ts';

const small = { segmentBytes: 4000, totalBytes: 20_000 };

function directory() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-history-'));
  return { dir, [Symbol.dispose]: () => removeTree(dir) };
}

const point = (seq: number, key = `k${seq % 3}`, value: number | string = seq) => ({
  seq,
  key,
  step: seq,
  wall: '2026-01-01T00:00:00.000Z',
  value,
  source: 'stdout',
  id: `1:stdout:${seq}`,
});
const message = (attempt: number, first: number, last: number) => ({
  attempt,
  points: Array.from({ length: last - first + 1 }, (_, index) => point(first + index)),
});
const seqsFrom = (dir: string, attempt: number, seq: number): number[] =>
  [...pointsAfter(dir, pointsName, { attempt, seq })].flat().map((line) => line.seq);
const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
const filesOf = (dir: string): string[] => fs.readdirSync(dir).filter((f) => f.endsWith('.jsonl'));

test('a message that comes again is written once, and one that overlaps only as far as it is new', () => {
  using place = directory();
  const history = openPoints(place.dir);
  for (const batch of [message(1, 1, 10), message(1, 1, 10), message(1, 5, 20)]) history.add(batch);
  history.close();
  assert.deepEqual(seqsFrom(place.dir, 1, 1), range(1, 20));
  const again = openPoints(place.dir);
  again.add(message(1, 15, 25));
  again.close();
  assert.deepEqual(seqsFrom(place.dir, 1, 1), range(1, 25));
});

test('numbers that are passed over are counted once, those before the end of an attempt too', () => {
  using place = directory();
  const history = openPoints(place.dir);
  history.add(message(1, 1, 10));
  assert.equal(history.missing(), 0);
  for (const batch of [message(1, 15, 20), message(1, 15, 20), message(2, 3, 4)])
    history.add(batch);
  assert.equal(history.missing(), 4 + 2);
  assert.equal(history.missing(), 0);
  const end = { attempt: 2, first_seq: 10, points: [], end: true };
  history.add(end);
  history.add(end);
  assert.equal(history.missing(), 5);
  history.close();
  const again = openPoints(place.dir);
  again.add(message(2, 1, 4));
  again.add(end);
  assert.equal(again.missing(), 0);
  again.close();
});

test('lines are the same whether they are cut out of a message or written from its points', () => {
  const hostile = ['},{"seq":', '}],"notes":[', '\n', '"points":[{"seq":', '\\', '\u2028', 'ä'];
  const points = hostile.map((key, index) => point(index + 1, key, index === 2 ? 'NaN' : index));
  const message = { v: 1, run_id: 'r', attempt: 3, points, notes: hostile, cursor: { points } };
  const [cut, written] = [JSON.stringify(message), undefined].map((text) => {
    using place = directory();
    const history = openPoints(place.dir);
    history.add(message, text);
    history.close();
    return fs.readFileSync(path.join(place.dir, 'metrics.jsonl'), 'utf8');
  });
  assert.equal(cut, written);
  assert.deepEqual(
    cut
      ?.trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).key),
    hostile,
  );
});

test('a line that was cut at any byte is mended, and written again whole', () => {
  using place = directory();
  const file = path.join(place.dir, 'metrics.jsonl');
  const first = openPoints(place.dir);
  first.add(message(1, 1, 3));
  first.close();
  const whole = fs.readFileSync(file);
  const begin = whole.lastIndexOf(10, whole.length - 2) + 1;
  for (let length = begin; length < whole.length; length += 1) {
    fs.writeFileSync(file, whole.subarray(0, length));
    const history = openPoints(place.dir);
    history.add(message(1, 1, 3));
    history.close();
    assert.deepEqual(fs.readFileSync(file), whole, `cut at ${length}`);
  }
});

test('files are of a bounded size, together too, and are read from any point on', () => {
  using place = directory();
  const history = openPoints(place.dir, small);
  for (let seq = 1; seq <= 1000; seq += 10) history.add(message(1, seq, seq + 9));
  history.close();
  const sizes = filesOf(place.dir).map((name) => fs.statSync(path.join(place.dir, name)).size);
  assert.ok(sizes.length > 1 && sizes.every((size) => size <= small.segmentBytes), String(sizes));
  assert.ok(sizes.reduce((sum, size) => sum + size) <= small.totalBytes, String(sizes));
  const kept = seqsFrom(place.dir, 1, 1);
  const first = kept[0] ?? 0;
  assert.ok(first > 1);
  assert.deepEqual(kept, range(first, 1000));
  for (const from of [first, first + 1, 950, 999, 1000])
    assert.deepEqual(seqsFrom(place.dir, 1, from), range(from, 1000));
  assert.deepEqual(seqsFrom(place.dir, 1, 1001), []);
});

test('points as text are those of the attempt from any number on, up to the first that is missing', async () => {
  using place = directory();
  const history = openPoints(place.dir, { segmentBytes: 4000, totalBytes: 1_000_000 });
  for (const batch of [message(1, 1, 70), message(2, 1, 90), message(2, 91, 150)])
    history.add(batch);
  // A name that takes more bytes than characters.
  history.add({ attempt: 2, points: [point(151, '},{"seq":7ä\n')] });
  history.add(message(2, 160, 170));
  history.close();
  fs.appendFileSync(path.join(place.dir, filesOf(place.dir).at(-1) ?? ''), '{"attempt":2,"seq":17');
  type Text = { attempt: number; first_seq: number; last_seq: number; points: { seq: number }[] };
  const textFrom = async (attempt: number, seq: number): Promise<object[]> => {
    const found: object[] = [];
    for await (const { first, last, json } of textAfter(place.dir, pointsName, { attempt, seq })) {
      const { points, ...head } = JSON.parse(json.toString('utf8')) as Text;
      assert.deepEqual(head, { v: 1, attempt, first_seq: first, last_seq: last });
      found.push(...points);
    }
    return found;
  };
  const points = (first: number, last: number) => message(1, first, last).points;
  assert.deepEqual(await textFrom(1, 1), points(1, 70));
  assert.deepEqual(await textFrom(1, 69), points(69, 70));
  assert.deepEqual(await textFrom(1, 71), []);
  assert.deepEqual(await textFrom(2, 1), [...points(1, 150), point(151, '},{"seq":7ä\n')]);
  assert.deepEqual(await textFrom(2, 149), [...points(149, 150), point(151, '},{"seq":7ä\n')]);
  assert.deepEqual(await textFrom(2, 155), []);
  assert.deepEqual(await textFrom(2, 160), points(160, 170));
  assert.deepEqual(await textFrom(3, 1), []);
});

/** Of the last attempt. */
const latest = (dir: string) => knownPoints(dir).at(-1) as Known;

test('what is known of each metric outlives the files that its points were in', () => {
  using place = directory();
  let history = openPoints(place.dir, small);
  for (let seq = 1; seq <= 1000; seq += 10) {
    history.add(message(1, seq, seq + 9));
    if (seq % 70 !== 1) continue;
    history.close();
    history = openPoints(place.dir, small);
  }
  history.close();
  const { attempt, upto, ended, keys } = latest(place.dir);
  assert.deepEqual([attempt, upto, ended], [1, 1000, false]);
  const shown = keys
    .map(({ key, count, min, max, last, seq }) => [key, count, min, max, last, seq])
    .sort();
  assert.deepEqual(shown, [
    ['k0', 333, 3, 999, 999, 999],
    ['k1', 334, 1, 1000, 1000, 1000],
    ['k2', 333, 2, 998, 998, 998],
  ]);
});

test('a crash before the next file was begun loses nothing of what is known', () => {
  using place = directory();
  const history = openPoints(place.dir, small);
  for (let seq = 1; filesOf(place.dir).length < 3; seq += 10) history.add(message(1, seq, seq + 9));
  history.close();
  const before = latest(place.dir);
  const newest = path.join(place.dir, 'metrics.3.jsonl');
  const lines = fs.readFileSync(newest, 'utf8').trimEnd().split('\n').length;
  fs.rmSync(newest);
  const after = openPoints(place.dir, { ...small, segmentBytes: 100_000 });
  after.add(message(1, before.upto - lines + 1, before.upto));
  after.close();
  assert.deepEqual(latest(place.dir), before);
});

test('NaN and infinities are counted, and are no least and no greatest where they are no numbers', () => {
  using place = directory();
  const history = openPoints(place.dir);
  const values = ['NaN', 3, 'Infinity', -1, 'NaN'];
  history.add({ attempt: 1, points: values.map((value, i) => point(i + 1, 'x', value)) });
  history.add({ attempt: 1, points: [point(6, 'only', 'NaN')] });
  history.close();
  const [x, only] = latest(place.dir).keys;
  assert.deepEqual([x?.count, x?.min, x?.max, x?.last], [5, -1, Infinity, Number.NaN]);
  assert.deepEqual([only?.min, only?.max], [Number.NaN, Number.NaN]);
});

test('a later attempt is counted anew, and its end is known', () => {
  using place = directory();
  const history = openPoints(place.dir);
  history.add({ ...message(1, 1, 9), end: true });
  history.add(message(2, 1, 4));
  history.add(message(1, 10, 12));
  history.add({ attempt: 2, points: [], end: true });
  // Both attempts came between two questions, and both are told.
  assert.deepEqual(
    history.changed().map(({ attempt, upto, ended, keys }) => [attempt, upto, ended, keys.length]),
    [
      [1, 9, true, 3],
      [2, 4, true, 3],
    ],
  );
  assert.deepEqual(history.changed(), []);
  history.close();
  const { attempt, upto, ended, keys } = latest(place.dir);
  assert.deepEqual([attempt, upto, ended, keys.length], [2, 4, true, 3]);
  assert.deepEqual(seqsFrom(place.dir, 1, 3), range(3, 9));
  assert.deepEqual(seqsFrom(place.dir, 2, 1), range(1, 4));
  const later = openPoints(place.dir);
  later.add(message(3, 1, 2));
  later.close();
  assert.deepEqual([latest(place.dir).attempt, latest(place.dir).upto], [3, 2]);
});

test('an attempt that nobody was told of before a crash is told after it, from the lines', () => {
  using place = directory();
  const history = openPoints(place.dir);
  history.add(message(1, 1, 9));
  history.add(message(2, 1, 4));
  history.close();
  const known = [
    [1, 9],
    [2, 4],
  ];
  const brief = (all: ReturnType<typeof knownPoints>) =>
    all.map(({ attempt, upto, keys }) => (keys.length === 3 ? [attempt, upto] : keys));
  assert.deepEqual(brief(knownPoints(place.dir)), known);
  const again = openPoints(place.dir);
  assert.deepEqual(brief(again.changed()), known);
  again.close();
});

test('events are there once and in order, after a cut line too', () => {
  using place = directory();
  const file = path.join(place.dir, 'events.jsonl');
  const text = (seq: number): string => JSON.stringify({ run_id: 'r', seq, to: 'queued' });
  const add = (seqs: number[]): void => {
    const events = openEvents(place.dir);
    for (const seq of seqs) events.add({ seq }, text(seq));
    events.close();
  };
  add([1, 2, 3]);
  fs.truncateSync(file, fs.statSync(file).size - 5);
  add([1, 2, 3, 4]);
  const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n');
  assert.deepEqual(lines, [1, 2, 3, 4].map(text));
});

test('names are asked for by * and ?, in time that no pattern can stretch', () => {
  const cases: [string, string, boolean][] = [
    ['', 'any', true],
    ['*', 'a/b', true],
    ['charts/*', 'charts/return', true],
    ['charts/*', 'losses/x', false],
    ['*return', 'charts/episodic_return', true],
    ['*return', 'return/x', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a*b*c', 'aXbYbZc', true],
    ['a*b*c', 'aXcYb', false],
    ['a.c', 'abc', false],
    ['x**', 'x', true],
  ];
  for (const [pattern, name, is] of cases)
    assert.equal(nameMatcher(pattern)(name), is, `${pattern} ${name}`);
  assert.equal(nameMatcher(`${'a*'.repeat(2000)}b`)('a'.repeat(5000)), false);
});
