/** Reads recorded output: records in order, gaps told, with bounded memory. Format: docs/protocol.md. */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../errors.ts';

export type StreamName = 'stdout' | 'stderr';
/** Why bytes are missing: deleted within the output's limit, never written, or not readable. */
export type GapReason = 'recorder_limit' | 'disk_full' | 'unreadable';
export type OutputRecord = {
  stream: StreamName;
  /** Of the first byte in its stream, from the attempt's start. */
  offset: number;
  atMs: number;
  data: Buffer;
  /** Bytes of the stream missing right before this record. */
  gap: number;
  /** Why, when `gap` is not 0. */
  gapReason: GapReason;
  place: Place;
};
/** Where a record begins. */
export type Place = { segment: number; position: number };

export const headerBytes = 32;
const magic = 0x31525952;
/** The recorder writes records of at most 128 KiB, so that a block always has room for a whole one. */
const blockBytes = 256 * 1024;

export type OutputReader = {
  /** Whole records that are there now, at most about `blockBytes`; empty when there are none yet. */
  read(): OutputRecord[];
  close(): void;
};

/**
 * A reader from `place`; `next` is what was read before of each stream, for telling gaps. With `lend`, the
 * data of a record is the reader's own, and only there until the next read: a flood makes no garbage.
 */
export function createOutputReader(
  dir: string,
  place: Place = { segment: 1, position: 0 },
  next: Record<StreamName, number> = { stdout: 0, stderr: 0 },
  { lend }: { lend: boolean } = { lend: false },
): OutputReader {
  let { segment, position } = place;
  let fd: number | null = null;
  const expected = { ...next };
  const block = Buffer.allocUnsafe(blockBytes);
  // What explains the next gap of each stream. A later reader finds out from the files' numbers.
  const resumed: GapReason = hasHoles(dir, segment) ? 'recorder_limit' : 'disk_full';
  const reasons: Record<StreamName, GapReason> = { stdout: resumed, stderr: resumed };

  const goTo = (later: number, reason: GapReason | null): void => {
    if (fd !== null) fs.closeSync(fd);
    fd = null;
    segment = later;
    position = 0;
    if (reason !== null) reasons.stdout = reasons.stderr = reason;
  };

  const open = (): boolean => {
    while (fd === null) {
      fd = openIfThere(segmentFile(dir, segment));
      if (fd !== null) break;
      const later = nextSegment(dir, segment);
      if (later === null) return false;
      goTo(later, 'recorder_limit');
    }
    return true;
  };

  const toRecord = (at: number, size: number): OutputRecord => {
    const stream: StreamName = block.readUInt8(at + 4) === 2 ? 'stderr' : 'stdout';
    const offset = Number(block.readBigUInt64LE(at + 16));
    const data = block.subarray(at + headerBytes, at + headerBytes + size);
    const record: OutputRecord = {
      stream,
      offset,
      atMs: Number(block.readBigUInt64LE(at + 24) / 1_000_000n),
      data: lend ? data : Buffer.from(data),
      gap: Math.max(0, offset - expected[stream]),
      gapReason: reasons[stream],
      place: { segment, position: position + at },
    };
    expected[stream] = Math.max(expected[stream], offset + size);
    reasons[stream] = 'disk_full';
    return record;
  };

  /** The whole records from `position` on. What is not whole is read again from its start next time. */
  const readBlock = (file: number): { records: OutputRecord[]; unreadable: boolean } => {
    const length = fs.readSync(file, block, 0, block.length, position);
    const records: OutputRecord[] = [];
    let at = 0;
    let unreadable = false;
    while (at + headerBytes <= length) {
      const size = block.readUInt32LE(at + 8);
      unreadable = block.readUInt32LE(at) !== magic || size + headerBytes > block.length;
      if (unreadable || at + headerBytes + size > length) break;
      records.push(toRecord(at, size));
      at += headerBytes + size;
    }
    position += at;
    return { records, unreadable };
  };

  return {
    read() {
      while (open() && fd !== null) {
        const { records } = readBlock(fd);
        if (records.length > 0) return records;
        // Nothing whole here: if a later segment exists, this one is finished.
        const later = nextSegment(dir, segment);
        if (later === null) return [];
        // But it may have grown between the two looks.
        const last = readBlock(fd);
        if (last.records.length > 0) return last.records;
        const skipped = later > segment + 1 ? 'recorder_limit' : null;
        goTo(later, last.unreadable ? 'unreadable' : skipped);
      }
      return [];
    },
    close() {
      if (fd !== null) fs.closeSync(fd);
      fd = null;
    },
  };
}

function segmentFile(dir: string, segment: number): string {
  return path.join(dir, `out.${String(segment).padStart(6, '0')}`);
}

function openIfThere(file: string): number | null {
  try {
    return fs.openSync(file, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The next segment after `segment` that exists, or null. */
function nextSegment(dir: string, segment: number): number | null {
  if (fs.existsSync(segmentFile(dir, segment + 1))) return segment + 1;
  const later = segmentsOf(dir).filter((number) => number > segment);
  return later.length === 0 ? null : Math.min(...later);
}

/** Whether segments up to `segment` were deleted. */
function hasHoles(dir: string, segment: number): boolean {
  if (segment === 1) return false;
  return segmentsOf(dir).filter((number) => number <= segment).length < segment;
}

/** Numbers of the segments that are there, in no order. */
export function segmentsOf(dir: string): number[] {
  try {
    return fs
      .readdirSync(dir)
      .map((name) => Number(/^out\.(\d+)$/.exec(name)?.[1] ?? 0))
      .filter((number) => number > 0);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
