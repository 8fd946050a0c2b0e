/**
 * Duration and size of an MP4 from its header (ISO 14496-12): boxes of a length and a name, `moov` with
 * `mvhd` and one `trak` with a `tkhd` for each track. Reads a few bytes of each box, whatever the file's size, and
 * believes no length that it does not check.
 */
import type { FileHandle } from 'node:fs/promises';

export type VideoHeader = { duration_s: number; width: number; height: number };

/** Reads up to `length` bytes at a position. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>;

/** Boxes that are looked at in all; a real file has some tens, a fragmented one some thousands at its top. */
const boxesMost = 20_000;
const tracksMost = 64;
/** The longer of the two versions of the headers that are read. */
const headerBytes = 104;

type Box = { type: string; from: number; to: number };

/** Null when it is no MP4, or its header is not there (yet) or makes no sense. */
export async function readMp4(read: ReadAt, size: number): Promise<VideoHeader | null> {
  let left = boxesMost;
  const boxes = async function* (from: number, to: number): AsyncGenerator<Box> {
    let at = from;
    while (at + 8 <= to && left > 0) {
      left -= 1;
      const head = await read(at, 16);
      if (head.length < 8) return;
      const short = head.readUInt32BE(0);
      const isLong = short === 1;
      if (isLong && head.length < 16) return;
      const long = isLong ? head.readBigUInt64BE(8) : BigInt(short);
      // 0: up to the end of the file.
      const length = long === 0n ? BigInt(to - at) : long;
      const inner = isLong ? 16 : 8;
      if (length < BigInt(inner) || length > BigInt(to - at)) return;
      yield { type: head.toString('latin1', 4, 8), from: at + inner, to: at + Number(length) };
      at += Number(length);
    }
  };
  const contentOf = async ({ from, to }: Box): Promise<Buffer> =>
    read(from, Math.min(headerBytes, to - from));

  let first = true;
  for await (const box of boxes(0, size)) {
    if (first && box.type !== 'ftyp') return null;
    first = false;
    if (box.type !== 'moov') continue;
    let duration: number | null = null;
    let seen = { width: 0, height: 0 };
    let tracks = 0;
    for await (const inner of boxes(box.from, box.to)) {
      if (inner.type === 'mvhd') duration = durationOf(await contentOf(inner));
      if (inner.type !== 'trak' || tracks >= tracksMost) continue;
      tracks += 1;
      for await (const part of boxes(inner.from, inner.to)) {
        if (part.type !== 'tkhd') continue;
        const size = sizeOf(await contentOf(part));
        // A track of sound has none.
        if (size.width * size.height > seen.width * seen.height) seen = size;
      }
    }
    return duration === null ? null : { duration_s: duration, ...seen };
  }
  return null;
}

export function readFrom(handle: FileHandle): ReadAt {
  return async (position, length) => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  };
}

/** Of a `mvhd`: a time scale and how many of its units. */
function durationOf(data: Buffer): number | null {
  const isLong = data.at(0) === 1;
  if (data.length < (isLong ? 32 : 20)) return null;
  const scale = data.readUInt32BE(isLong ? 20 : 12);
  const units = isLong ? Number(data.readBigUInt64BE(24)) : data.readUInt32BE(16);
  // All ones: not known, as in a stream that is still written.
  const unknown = isLong ? units >= 2 ** 64 - 2048 : units === 0xffffffff;
  if (scale === 0 || unknown) return null;
  return Math.round((units / scale) * 1000) / 1000;
}

/** Of a `tkhd`: its last eight bytes, as 16.16 numbers. */
function sizeOf(data: Buffer): { width: number; height: number } {
  const at = data.at(0) === 1 ? 88 : 76;
  if (data.length < at + 8) return { width: 0, height: 0 };
  return { width: data.readUInt16BE(at), height: data.readUInt16BE(at + 4) };
}
