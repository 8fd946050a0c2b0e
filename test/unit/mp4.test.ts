/** Real files by ffmpeg 7 (libx264), and whatever damage does to them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ReadAt, readFrom, readMp4 } from '../../src/artifacts/mp4.ts';

const fixtures = path.join(import.meta.dirname, '../fixtures/artifacts');
const whole = fs.readFileSync(path.join(fixtures, 'header-last.mp4'));

/** Reads from memory, and counts. */
function reading(data: Buffer) {
  const counts = { reads: 0, most: 0 };
  const read: ReadAt = async (position, length) => {
    counts.reads += 1;
    counts.most = Math.max(counts.most, length);
    return data.subarray(position, position + length);
  };
  return { read, counts };
}

function box(type: string, ...parts: Buffer[]): Buffer {
  const inner = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(inner.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, inner]);
}

test('duration and size are read wherever the header lies', async () => {
  for (const name of ['header-first.mp4', 'header-last.mp4']) {
    const file = path.join(fixtures, name);
    const handle = await fs.promises.open(file);
    const header = await readMp4(readFrom(handle), fs.statSync(file).size);
    await handle.close();
    assert.deepEqual(header, { duration_s: 2, width: 64, height: 48 }, name);
  }
});

test('a file of any size costs a few small reads', async () => {
  const size = 5 * 2 ** 40;
  // A box with a long length, as large files have one.
  const mdat = Buffer.alloc(16);
  mdat.writeUInt32BE(1);
  mdat.write('mdat', 4, 'latin1');
  const moov = whole.subarray(whole.indexOf('moov') - 4);
  const ftyp = box('ftyp', Buffer.from('isom0000'));
  mdat.writeBigUInt64BE(BigInt(size - ftyp.length - moov.length), 8);
  const parts: [number, Buffer][] = [
    [0, ftyp],
    [ftyp.length, mdat],
    [size - moov.length, moov],
  ];
  let most = 0;
  const header = await readMp4(async (position, length) => {
    most = Math.max(most, length);
    for (const [at, data] of parts) {
      if (position >= at && position < at + data.length)
        return data.subarray(position - at, position - at + length);
    }
    return Buffer.alloc(length);
  }, size);
  assert.deepEqual(header, { duration_s: 2, width: 64, height: 48 });
  assert.ok(most <= 104);
});

test('the longer form of the headers is read, and an unknown duration is none', async () => {
  const long = (scale: number, units: bigint): Buffer => {
    const mvhd = Buffer.alloc(112);
    mvhd[0] = 1;
    mvhd.writeUInt32BE(scale, 20);
    mvhd.writeBigUInt64BE(units, 24);
    const tkhd = Buffer.alloc(96);
    tkhd[0] = 1;
    tkhd.writeUInt32BE(640 << 16, 88);
    tkhd.writeUInt32BE(480 << 16, 92);
    return Buffer.concat([
      box('ftyp'),
      box('moov', box('mvhd', mvhd), box('trak', box('tkhd', tkhd))),
    ]);
  };
  const read = async (data: Buffer) => readMp4(reading(data).read, data.length);
  assert.deepEqual(await read(long(1000, 90_000n)), { duration_s: 90, width: 640, height: 480 });
  assert.equal(await read(long(1000, 2n ** 64n - 1n)), null);
  assert.equal(await read(long(0, 90_000n)), null);
});

test('no truncated file passes for a whole one, and none that is no MP4', async () => {
  const header = whole.indexOf('moov') - 4;
  for (let length = 0; length < whole.length; length += 1) {
    const cut = whole.subarray(0, length);
    const found = await readMp4(reading(cut).read, length);
    assert.equal(found, null, `${length} bytes, its header begins at ${header}`);
  }
  const text = Buffer.from('this is some text and no video at all');
  assert.equal(await readMp4(reading(text).read, text.length), null);
});

test('flipped bits and random bytes end it soon, with small reads, and never throw', async () => {
  const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 12,
  });
  const damaged = flips.map((list) => {
    const copy = Buffer.from(whole);
    for (const [at, mask] of list) copy.writeUInt8(copy.readUInt8(at) ^ mask, at);
    return copy;
  });
  const random = fc.uint8Array({ maxLength: 2000, size: 'max' }).map((bytes) => Buffer.from(bytes));
  const begun = random.map((bytes) => Buffer.concat([box('ftyp'), box('moov', bytes), bytes]));
  await fc.assert(
    fc.asyncProperty(fc.oneof(damaged, random, begun), async (data) => {
      const { read, counts } = reading(data);
      const header = await readMp4(read, data.length);
      // Each box has eight bytes at least, and is read twice at most.
      assert.ok(counts.reads <= data.length / 4 + 4);
      assert.ok(counts.most <= 104);
      if (header !== null) assert.ok(header.duration_s >= 0 && header.width >= 0);
    }),
    { numRuns: 2000 },
  );
});

test('boxes without an end are not followed for ever', async () => {
  const empty = box('free');
  let reads = 0;
  const header = await readMp4(async (position) => {
    reads += 1;
    return position === 0 ? box('ftyp') : empty;
  }, 2 ** 40);
  assert.equal(header, null);
  assert.ok(reads <= 20_001);
});
