/**
 * wandb's offline runs (`run-*.wandb`): a header of 7 bytes, then the log format of LevelDB (blocks of
 * 32 KiB; records in fragments of type full, first, middle, last, each with checksum and length), whose
 * records are messages of wandb_internal.proto. Points are the numbers of its history records.
 * A run that was killed leaves a torn last block: what is missing may still come, or never.
 */
import { crc32 } from 'node:zlib';
import { type Named, numbersIn, parseJson } from './numbers.ts';
import { type Note, nothing, type Parser, type Point } from './point.ts';
import { fieldsOf, signed } from './wire.ts';

export const wandbHeaderBytes = 7;
const blockBytes = 32 * 1024;
const headBytes = 7;
const types = { full: 1, first: 2, middle: 3, last: 4 } as const;
const magic = Buffer.from([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00]);

export const parseWandb: Parser = (data, offset, full) => {
  const points: Point[] = [];
  const notes: Note[] = [];
  let used = 0;
  if (offset === 0) {
    if (data.length < magic.length) return nothing;
    if (!data.subarray(0, magic.length).equals(magic)) {
      // Nothing of it can be understood, whatever comes.
      const text = 'the file is no wandb run of version 0';
      return {
        points,
        notes: [{ place: '0', text }],
        used: data.length,
        skip: Number.MAX_SAFE_INTEGER,
      };
    }
    used = magic.length;
  }
  for (;;) {
    const next = readRecord(data, offset, used);
    if (next.kind === 'incomplete') {
      if (!full || next.at === used) break;
      notes.push({
        place: String(offset + used),
        text: 'a record is too large and was passed over',
      });
    } else if (next.kind === 'broken') {
      notes.push({
        place: String(offset + used),
        text: `${next.why}; the rest of its block is lost`,
      });
    } else if (next.kind === 'record') {
      readMessage(next.body, String(offset + used), points, notes);
    }
    used = next.at;
    if (used >= data.length) break;
  }
  return {
    points,
    notes,
    used: Math.min(used, data.length),
    skip: Math.max(0, used - data.length),
  };
};

type Next =
  | { kind: 'record'; body: Buffer; at: number }
  /** Its beginning was lost before. */
  | { kind: 'orphan'; at: number }
  | { kind: 'broken'; why: string; at: number }
  | { kind: 'incomplete'; at: number };

/** The record at `from`; `at` is where the next one begins, or how far this one could be read. */
function readRecord(data: Buffer, offset: number, from: number): Next {
  const parts: Buffer[] = [];
  let at = from;
  for (;;) {
    const left = blockBytes - ((offset + at) % blockBytes);
    if (left < headBytes) {
      at += left;
      continue;
    }
    const begin = at + headBytes;
    if (begin > data.length) return { kind: 'incomplete', at };
    const length = data.readUInt16LE(at + 4);
    const type = data.readUInt8(at + 6);
    const broken = (why: string): Next => ({ kind: 'broken', why, at: at + left });
    // Some file systems show the end of a growing file as zeros for a while.
    if (type === 0 && data.subarray(at, begin).every((byte) => byte === 0)) {
      const later = at + left < data.length;
      return later ? broken('a block holds zeros') : { kind: 'incomplete', at };
    }
    if (type < types.full || type > types.last || length > left - headBytes) {
      return broken('a record has no valid head');
    }
    if (begin + length > data.length) return { kind: 'incomplete', at };
    // Unlike LevelDB's own: the common CRC-32, not masked.
    if (crc32(data.subarray(at + 6, begin + length)) !== data.readUInt32LE(at))
      return broken('a record has a wrong checksum');
    const part = data.subarray(begin, begin + length);
    // A beginning where the end of another was due: that one was cut by a crash.
    if ((type === types.full || type === types.first) && parts.length > 0) {
      return { kind: 'orphan', at };
    }
    if (type > types.first && parts.length === 0) return { kind: 'orphan', at: begin + length };
    at = begin + length;
    parts.push(part);
    if (type === types.full || type === types.last) {
      return { kind: 'record', body: parts.length === 1 ? part : Buffer.concat(parts), at };
    }
  }
}

/** Record.history */
function readMessage(body: Buffer, place: string, points: Point[], notes: Note[]): void {
  try {
    for (const { number, bytes } of fieldsOf(body)) {
      if (number === 2) points.push(...historyOf(bytes, place));
    }
  } catch (error) {
    notes.push({ place, text: `a record cannot be read: ${String(error)}` });
  }
}

/** HistoryRecord: items, and the step that they belong to. */
function historyOf(history: Buffer, place: string): Point[] {
  let step: bigint | null = null;
  const values: Named[] = [];
  for (const { number, bytes } of fieldsOf(history)) {
    if (number === 1) values.push(...itemOf(bytes));
    if (number === 2) {
      for (const inner of fieldsOf(bytes)) if (inner.number === 1) step = signed(inner.varint);
      step ??= 0n;
    }
  }
  const own = new Map(values);
  const [stated, time] = [own.get('_step'), own.get('_timestamp')];
  if (step === null && stated !== undefined && Number.isSafeInteger(stated)) step = BigInt(stated);
  const wallMs = time === undefined ? null : time * 1000;
  return values
    .filter(([key]) => !key.startsWith('_'))
    .map(([key, value]) => ({ key, value, step, wallMs, place: `${place}:${key}` }));
}

/** HistoryItem: a name, alone or as a path, and a value, as JSON or typed. Only numbers are taken. */
function itemOf(item: Buffer): Named[] {
  let key = '';
  const path: string[] = [];
  let value: unknown = null;
  for (const { number, varint, bytes } of fieldsOf(item)) {
    if (number === 1) key = bytes.toString('utf8');
    if (number === 2) path.push(bytes.toString('utf8'));
    // sint64: zigzag
    if (number === 5) value = Number((varint >> 1n) ^ -(varint & 1n));
    if (number === 6) value = bytes.readDoubleLE(0);
    if (number === 8 || number === 16) value = parseJson(bytes.toString('utf8'));
  }
  return numbersIn(value, key === '' ? path.join('.') : key);
}
