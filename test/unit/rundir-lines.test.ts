/** Properties of reader and line splitter over records that no recorder would dare to write. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createLineSplitter,
  createOutputReader,
  firstState,
  type Line,
  lineMaxBytes,
  missingAtEnd,
  type Piece,
  type SplitterState,
} from '../../src/rundir/index.ts';

type Chunk = {
  stream: 1 | 2;
  data: Buffer;
  /** Bytes that were lost right before it. */
  lost: number;
  /** Whether a new segment begins with it. */
  roll: boolean;
};

/** Text with few characters, so that line breaks, returns and cut characters meet often. */
const text = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: fc.constantFrom('a', '\n', '\r', 'é', '✓', ' ') }) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(9000), 'é✓'.repeat(4000), '\n'.repeat(30)) },
  { weight: 1, arbitrary: fc.nat(4).map((n) => 'y'.repeat(lineMaxBytes - 2 + n)) },
);
const bytes = fc.oneof(
  { weight: 5, arbitrary: text.map((value) => Buffer.from(value)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1 }).map((value) => Buffer.from(value)) },
  // A character that is cut in two.
  { weight: 1, arbitrary: fc.nat(3).map((n) => Buffer.from('✓✓').subarray(0, 2 + n)) },
);
const chunk: fc.Arbitrary<Chunk> = fc.record({
  stream: fc.constantFrom(1 as const, 2 as const),
  data: bytes.filter((data) => data.length > 0),
  lost: fc.oneof(
    { weight: 9, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.nat(50_000) },
  ),
  roll: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.boolean()),
});
const chunks = fc.array(chunk, { maxLength: 40 });

/** The files of a recorder that wrote these chunks, by segment. */
function segmentsOf(written: readonly Chunk[]): Buffer[] {
  const segments: Buffer[][] = [[]];
  const offsets = { 1: 0, 2: 0 };
  for (const [i, { stream, data, lost, roll }] of written.entries()) {
    if (roll && i > 0) segments.push([]);
    offsets[stream] += lost;
    const header = Buffer.alloc(32);
    header.writeUInt32LE(0x31525952, 0);
    header.writeUInt8(stream, 4);
    header.writeUInt32LE(data.length, 8);
    header.writeBigUInt64LE(BigInt(offsets[stream]), 16);
    header.writeBigUInt64LE(BigInt(i) * 1_000_000n, 24);
    offsets[stream] += data.length;
    segments.at(-1)?.push(header, data);
  }
  return segments.map((parts) => Buffer.concat(parts));
}

function inFreshDir<T>(run: (dir: string) => T): T {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-lines-'));
  try {
    return run(dir);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

const fileOf = (dir: string, number: number) =>
  path.join(dir, `out.${String(number).padStart(6, '0')}`);

function write(dir: string, segments: readonly Buffer[]): void {
  for (const [i, data] of segments.entries()) fs.writeFileSync(fileOf(dir, i + 1), data);
}

/** What one reader after another makes of the directory; `stops` says after how many records each ends. */
function readThrough(dir: string, stops: readonly number[] = []): Piece[] {
  let state: SplitterState = firstState;
  const pieces: Piece[] = [];
  for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
    const reader = createOutputReader(dir, state.restart, state.used);
    const splitter = createLineSplitter(state);
    let left = stop;
    for (let more = reader.read(); more.length > 0 && left > 0; more = reader.read()) {
      for (const record of more.slice(0, left)) pieces.push(...splitter.push(record));
      left -= more.length;
    }
    reader.close();
    if (stop === Number.POSITIVE_INFINITY) pieces.push(...splitter.flush());
    // As it comes back from disk or bus.
    state = JSON.parse(JSON.stringify(splitter.state())) as SplitterState;
  }
  return pieces;
}

const linesOf = (pieces: readonly Piece[]): Line[] =>
  pieces.flatMap((piece) => ('line' in piece ? [piece.line] : []));

test('readers that end anywhere and go on make the same lines, numbers and gaps as one', () => {
  const property = fc.property(chunks, fc.array(fc.nat(12), { maxLength: 6 }), (written, stops) => {
    inFreshDir((dir) => {
      write(dir, segmentsOf(written));
      assert.deepEqual(readThrough(dir, stops), readThrough(dir));
    });
  });
  fc.assert(property, { numRuns: 300 });
});

test('lines and gaps cover each byte of each stream once and in order', () => {
  const property = fc.property(chunks, (written) => {
    inFreshDir((dir) => {
      write(dir, segmentsOf(written));
      const pieces = readThrough(dir);
      assert.deepEqual(
        linesOf(pieces).map(({ seq }) => seq),
        linesOf(pieces).map((_, i) => i + 1),
      );
      for (const [stream, number] of [
        ['stdout', 1],
        ['stderr', 2],
      ] as const) {
        let at = 0;
        let gaps = 0;
        for (const piece of pieces) {
          if ('gap' in piece && piece.gap.stream === stream) {
            at += piece.gap.bytes;
            gaps += piece.gap.bytes;
          } else if ('line' in piece && piece.line.stream === stream) {
            assert.equal(piece.line.offset, at);
            assert.ok(piece.line.endOffset > at);
            at = piece.line.endOffset;
          }
        }
        const own = written.filter((c) => c.stream === number);
        const lost = own.reduce((sum, c) => sum + c.lost, 0);
        assert.equal(gaps, lost);
        assert.equal(at, lost + own.reduce((sum, c) => sum + c.data.length, 0));
      }
    });
  });
  fc.assert(property, { numRuns: 200 });
});

test('how output came in records changes neither lines nor their texts', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 20 });
  const property = fc.property(fc.array(bytes, { maxLength: 12 }), sizes, (parts, cuts) => {
    const data = Buffer.concat(parts);
    const pieces: Chunk[] = [];
    for (let at = 0, i = 0; at < data.length; i += 1) {
      const size = cuts[i % cuts.length] ?? 1;
      pieces.push({ stream: 1, data: data.subarray(at, at + size), lost: 0, roll: false });
      at += size;
    }
    const whole: Chunk[] = [{ stream: 1, data, lost: 0, roll: false }];
    const textsOf = (written: Chunk[]) =>
      inFreshDir((dir) => {
        write(dir, segmentsOf(written));
        return linesOf(readThrough(dir)).map(({ text, offset, seq }) => [seq, offset, text]);
      });
    if (data.length > 0) assert.deepEqual(textsOf(pieces), textsOf(whole));
  });
  fc.assert(property, { numRuns: 100 });
});

test('a reader beside a growing file never sees half a record and never skips one', () => {
  const property = fc.property(chunks, fc.infiniteStream(fc.nat(5000)), (written, steps) => {
    inFreshDir((dir) => {
      const segments = segmentsOf(written);
      const reader = createOutputReader(dir);
      const splitter = createLineSplitter();
      const pieces: Piece[] = [];
      const readNow = (): void => {
        for (const record of reader.read()) pieces.push(...splitter.push(record));
      };
      for (const [i, data] of segments.entries()) {
        for (let at = 0; at < data.length; ) {
          const size = 1 + (steps.next().value ?? 0);
          fs.appendFileSync(fileOf(dir, i + 1), data.subarray(at, at + size));
          at += size;
          readNow();
        }
      }
      for (let before = -1; before !== pieces.length; ) {
        before = pieces.length;
        readNow();
      }
      reader.close();
      pieces.push(...splitter.flush());
      assert.deepEqual(pieces, readThrough(dir));
    });
  });
  fc.assert(property, { numRuns: 60 });
});

test('segments that vanish are told as gaps of exactly their bytes', () => {
  const rolling = chunks.map((all) => all.map((one) => ({ ...one, lost: 0, roll: true })));
  const property = fc.property(rolling, fc.nat(), fc.nat(), (written, from, count) => {
    fc.pre(written.length > 2);
    const first = 1 + (from % (written.length - 1));
    const gone = written.slice(first, Math.min(first + 1 + (count % 5), written.length - 1));
    inFreshDir((dir) => {
      write(dir, segmentsOf(written));
      for (const [i] of gone.entries()) fs.rmSync(fileOf(dir, first + i + 1));
      const pieces = readThrough(dir);
      const behind = written.slice(first + gone.length);
      for (const [stream, number] of [
        ['stdout', 1],
        ['stderr', 2],
      ] as const) {
        const gaps = pieces.flatMap((p) => ('gap' in p && p.gap.stream === stream ? [p.gap] : []));
        const seen = behind.some((c) => c.stream === number);
        const lost = gone.filter((c) => c.stream === number).reduce((n, c) => n + c.data.length, 0);
        const expected =
          seen && lost > 0 ? [{ stream, bytes: lost, reason: 'recorder_limit' }] : [];
        assert.deepEqual(gaps, expected);
      }
    });
  });
  fc.assert(property, { numRuns: 150 });
});

const one = (data: string | Buffer, more: Partial<Chunk> = {}): Chunk => ({
  stream: 1,
  data: Buffer.from(data),
  lost: 0,
  roll: false,
  ...more,
});
const linesFrom = (written: Chunk[]): Line[] =>
  inFreshDir((dir) => {
    write(dir, segmentsOf(written));
    return linesOf(readThrough(dir));
  });

test('a progress bar leaves what it showed last, and line breaks of Windows are taken off', () => {
  const lines = linesFrom([one('1%\r50%\r100%\r\nplain\r\n\r\n')]);
  assert.deepEqual(
    lines.map(({ text }) => text),
    ['100%', 'plain', ''],
  );
});

test('a long line is split between characters, and says so', () => {
  const lines = linesFrom([one('✓'.repeat(6000)), one('\nnext')]);
  assert.deepEqual(
    lines.map(({ text, truncated, offset }) => [text.length, truncated, offset]),
    [
      [5461, true, 0],
      [539, undefined, 16383],
      [4, undefined, 18001],
    ],
  );
  assert.ok(lines.every(({ text }) => !text.includes('\ufffd')));
});

test('a line of just the greatest length is whole, although its break comes in a record of its own', () => {
  const lines = linesFrom([one('x'.repeat(lineMaxBytes)), one('\nnext\n')]);
  assert.deepEqual(
    lines.map(({ text, truncated }) => [text.length, truncated]),
    [
      [lineMaxBytes, undefined],
      [4, undefined],
    ],
  );
});

test('an output whose first segment is gone begins with a gap', () => {
  inFreshDir((dir) => {
    write(dir, segmentsOf([one('a\n'), one('b\n', { roll: true })]));
    fs.rmSync(fileOf(dir, 1));
    assert.deepEqual(
      readThrough(dir).map((piece) => ('line' in piece ? piece.line.text : piece.gap)),
      [{ stream: 'stdout', bytes: 2, reason: 'recorder_limit' }, 'b'],
    );
  });
});

test('bytes that are no UTF-8 are replaced', () => {
  assert.equal(linesFrom([one(Buffer.from([0x61, 0xff, 0x62, 10]))])[0]?.text, 'a\ufffdb');
});

test('a line that a gap cuts is told as cut, and the rest is a line of its own', () => {
  const lines = linesFrom([one('before'), one('after\n', { lost: 10 })]);
  assert.deepEqual(
    lines.map(({ text, truncated, offset }) => [text, truncated, offset]),
    [
      ['before', true, 0],
      ['after', undefined, 16],
    ],
  );
});

test('records of a segment that cannot be read are told as a gap', () => {
  inFreshDir((dir) => {
    const segments = segmentsOf([
      one('a\n'),
      one('b\n', { roll: true }),
      one('c\n', { roll: true }),
    ]);
    segments[1]?.fill(0);
    write(dir, segments);
    assert.deepEqual(
      readThrough(dir).map((piece) => ('line' in piece ? piece.line.text : piece.gap)),
      ['a', { stream: 'stdout', bytes: 2, reason: 'unreadable' }, 'c'],
    );
  });
});

test('the torn end of a segment is skipped once a newer one is there', () => {
  inFreshDir((dir) => {
    const segments = segmentsOf([one('a\n'), one('torn\n'), one('c\n', { roll: true })]);
    write(dir, [segments[0]?.subarray(0, -3) ?? Buffer.alloc(0)]);
    const reader = createOutputReader(dir);
    const textsNow = () => reader.read().map(({ data, gap }) => [data.toString(), gap]);
    assert.deepEqual(textsNow(), [['a\n', 0]]);
    assert.deepEqual(textsNow(), []);
    fs.writeFileSync(fileOf(dir, 2), segments[1] ?? '');
    assert.deepEqual(textsNow(), [['c\n', 5]]);
    reader.close();
  });
});

test('what is missing at the very end follows from the totals', () => {
  const state: SplitterState = { ...firstState, used: { stdout: 10, stderr: 7 } };
  const totals = { stdout: { bytes: 10 }, stderr: { bytes: 9 } };
  assert.deepEqual(missingAtEnd(state, totals), [
    { stream: 'stderr', bytes: 2, reason: 'disk_full' },
  ]);
});
