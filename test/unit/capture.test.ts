/** Sources of metrics, on files that the real writers made (test/fixtures/capture/make.py). */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import {
  createJsonlParser,
  createTableParser,
  createTail,
  type Parser,
  type Point,
  parseTfevents,
  parseWandb,
} from '../../src/capture/index.ts';

const dir = path.resolve(import.meta.dirname, '../fixtures/capture');
const bytes = (name: string): Buffer => fs.readFileSync(path.join(dir, name));
type Expected = [key: string, step: string, value: number | string];
const expected = (name: string): Expected[] =>
  JSON.parse(fs.readFileSync(path.join(dir, `${name}.json`), 'utf8')) as Expected[];

const formats: { name: string; file: string; parse: Parser }[] = [
  { name: 'tensorboardx', file: 'tensorboardx.tfevents', parse: parseTfevents },
  { name: 'tensors', file: 'tensors.tfevents', parse: parseTfevents },
  { name: 'history', file: 'history.wandb', parse: parseWandb },
];

const wire = (value: number): number | string => (Number.isFinite(value) ? value : String(value));
function sorted(points: readonly Point[]): Expected[] {
  return points
    .map(({ key, step, value }): Expected => [key, String(step), wire(value)])
    .sort((a, b) => (a[0] === b[0] ? Number(BigInt(a[1]) - BigInt(b[1])) : a[0] < b[0] ? -1 : 1));
}

/** Looks at growing data as a reader of a file does, as often as anything new is found. */
function readAll(parse: Parser, sizes: Iterable<number>, whole: Buffer) {
  const points: Point[] = [];
  let notes = 0;
  let offset = 0;
  for (const size of [...sizes, whole.length]) {
    for (;;) {
      const seen = whole.subarray(offset, Math.max(offset, size));
      const { used, skip = 0, ...found } = parse(seen, offset, false);
      assert.ok(used >= 0 && used <= seen.length && skip >= 0);
      points.push(...found.points);
      notes += found.notes.length;
      offset += used + Math.min(skip, whole.length);
      if (used === 0 || offset >= size) break;
    }
  }
  return { points, notes, unread: whole.length - offset };
}

for (const { name, file, parse } of formats) {
  test(`${file}: every scalar that its own reader finds, with its exact value`, () => {
    const { points, notes } = readAll(parse, [], bytes(file));
    assert.deepEqual(sorted(points), expected(name));
    assert.equal(notes, 0);
    assert.equal(new Set(points.map(({ place }) => place)).size, points.length, 'ids are unique');
  });

  test(`${file}: it does not matter in which pieces it grows`, () => {
    const whole = bytes(file);
    const once = readAll(parse, [], whole).points;
    const sizes = fc
      .array(fc.nat(whole.length), { maxLength: 40 })
      .map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(sizes, (grown) => {
        assert.deepEqual(readAll(parse, grown, whole).points, once);
      }),
      { numRuns: 60 },
    );
  });

  test(`${file}: damaged anywhere, it is read on behind the damage, and that is told`, () => {
    const whole = bytes(file);
    const good = readAll(parse, [], whole).points;
    const known = new Set(good.map((point) => String(Object.values(point))));
    const damage = fc.tuple(
      fc.integer({ min: 12, max: whole.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
    );
    fc.assert(
      fc.property(damage, ([at, flip]) => {
        const damaged = Buffer.from(whole);
        damaged.writeUInt8(damaged.readUInt8(at) ^ flip, at);
        const { points, notes, unread } = readAll(parse, [], damaged);
        for (const point of points) assert.ok(known.has(String(Object.values(point))));
        // A length that points behind the end looks like a record that is still being written.
        assert.ok(points.length === good.length || notes > 0 || unread > 0, 'what is lost is told');
      }),
      { numRuns: 200 },
    );
  });

  test(`${file}: bytes of any kind end in no error and no endless loop`, () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.nat(100_000),
        fc.boolean(),
        (data, offset, full) => {
          const { used } = parse(Buffer.from(data), offset, full);
          assert.ok(used <= data.length);
        },
      ),
      { numRuns: 2000 },
    );
  });
}

/** A file that a tail follows. */
function grown(t: TestContext, parse: Parser) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-capture-'));
  t.after(() => fs.rmSync(home, { recursive: true }));
  const file = path.join(home, 'file');
  const tail = createTail(file, parse);
  t.after(() => tail.close());
  const read = (from = tail): Point[] => {
    const points: Point[] = [];
    for (let found = from.read(); found !== null; found = from.read()) points.push(...found.points);
    return points;
  };
  return { file, tail, read };
}

test('a tail waits for a file that is not there, and goes on where another one stopped', (t) => {
  const { file, tail, read } = grown(t, parseTfevents);
  assert.deepEqual(read(), []);
  const whole = bytes('tensorboardx.tfevents');
  fs.writeFileSync(file, whole.subarray(0, 5000));
  const first = read();
  assert.ok(first.length > 0);
  fs.writeFileSync(file, whole);
  const later = createTail(file, parseTfevents, tail.state());
  const second = read(later);
  later.close();
  assert.deepEqual(sorted([...first, ...second]), expected('tensorboardx'));
});

test('JSON lines: sets of values, single points, NaN as it is or as a string, a torn end', (t) => {
  const { file, read } = grown(t, createJsonlParser());
  const lines = [
    '{"step": 3, "loss": 0.5, "nested": {"a": NaN}, "text": "NaN"}',
    '{"key": "k", "value": "-Infinity", "step": 9007199254740991, "wall": 1764075600.5}',
    'no json',
    '[1]',
    '{"global_step": 4, "loss": 1e-3}',
    '{"step": "9007199254740993", "loss": 2}',
    '{"key": "k", "value": 1, "step": "-9007199254740993"}',
    '{"step": 5, "loss": 0.',
  ];
  fs.writeFileSync(file, lines.join('\n'));
  assert.deepEqual(sorted(read()), [
    ['k', '-9007199254740993', 1],
    ['k', '9007199254740991', '-Infinity'],
    ['loss', '3', 0.5],
    ['loss', '4', 0.001],
    ['loss', '9007199254740993', 2],
    ['nested.a', '3', 'NaN'],
    ['text', '3', 'NaN'],
  ]);
  fs.appendFileSync(file, '25}\n');
  assert.deepEqual(sorted(read()), [['loss', '5', 0.25]]);
});

test('tables: names from the header, any separator, a second header, rows that do not fit', (t) => {
  const { file, read } = grown(
    t,
    createTableParser({ header: null, separator: ',' }, () => undefined),
  );
  fs.writeFileSync(
    file,
    'time/total_timesteps;rew;"a;b"\n100;1.5;nan\n200;;-inf\n1;2\nstep;x y\n7;8\n',
  );
  assert.deepEqual(sorted(read()), [
    ['a;b', '100', 'NaN'],
    ['a;b', '200', '-Infinity'],
    ['rew', '100', 1.5],
    ['x y', '7', 8],
  ]);
});

test('a line without end is passed over instead of kept', (t) => {
  const { file, read } = grown(t, createJsonlParser());
  fs.writeFileSync(file, `${'x'.repeat(3 << 20)}\n{"a": 1}\n`);
  assert.deepEqual(sorted(read()), [['a', 'null', 1]]);
});
