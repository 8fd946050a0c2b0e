/**
 * TensorBoard's event files: records of length, checksum, data, checksum; the data are Event messages
 * of Protocol Buffers (tensorboard/compat/proto/event.proto), of which only scalars are points.
 * A short tail means that the writer is not done. A record with a wrong checksum is told and passed
 * over; after a broken length the next place is sought where a length and its checksum agree.
 */
import { maskedCrc32c } from './crc32c.ts';
import { type Note, nothing, type Parsed, type Parser, type Point, type Present } from './point.ts';
import { scalarOf } from './tensor.ts';
import { fieldsOf, signed } from './wire.ts';

const headBytes = 12;
const footBytes = 4;
/** Larger records hold images or sounds, never scalars. */
const recordMaxBytes = 8 * 2 ** 20;

export const parseTfevents: Parser = (data, offset, full) => {
  const points: Point[] = [];
  const notes: Note[] = [];
  const present: Present[] = [];
  let at = 0;
  const done = (used: number, skip = 0): Parsed => ({ points, notes, present, used, skip });
  while (at + headBytes <= data.length) {
    const length = lengthAt(data, at);
    const place = String(offset + at);
    if (length === null) {
      const next = nextHead(data, at + 1);
      // Some file systems show the end of a growing file as zeros for a while.
      if (next === null && !full && isZero(data.subarray(at))) return done(at);
      const from = next ?? Math.max(at + 1, data.length - headBytes + 1);
      notes.push({ place, text: `${from - at} bytes that are no record were passed over` });
      at = from;
      continue;
    }
    const whole = headBytes + length + footBytes;
    if (length > recordMaxBytes) {
      const here = Math.min(whole, data.length - at);
      return done(at + here, whole - here);
    }
    if (at + whole > data.length) return done(at);
    const body = data.subarray(at + headBytes, at + headBytes + length);
    const sum = data.readUInt32LE(at + headBytes + length);
    if (maskedCrc32c(body) !== sum) notes.push({ place, text: 'a record has a wrong checksum' });
    else readEvent(body, place, { points, notes, present });
    at += whole;
  }
  return at === 0 ? nothing : done(at);
};

/** The length of a record's data, or null where no record begins. */
function lengthAt(data: Buffer, at: number): number | null {
  if (data.readUInt32LE(at + 8) !== maskedCrc32c(data.subarray(at, at + 8))) return null;
  const length = data.readBigUInt64LE(at);
  return length > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(length);
}

function nextHead(data: Buffer, from: number): number | null {
  for (let at = from; at + headBytes <= data.length; at += 1) {
    if (lengthAt(data, at) !== null) return at;
  }
  return null;
}

function isZero(data: Buffer): boolean {
  return data.every((byte) => byte === 0);
}

type Event = { wallMs: number | null; step: bigint };

type Finds = { points: Point[]; notes: Note[]; present: Present[] };

function readEvent(data: Buffer, place: string, { points, notes, present }: Finds): void {
  try {
    const event: Event = { wallMs: null, step: 0n };
    const values: Buffer[] = [];
    for (const { number, varint, bytes } of fieldsOf(data)) {
      if (number === 1) event.wallMs = bytes.readDoubleLE(0) * 1000;
      if (number === 2) event.step = signed(varint);
      if (number === 5) values.push(...valuesOf(bytes));
    }
    for (const [index, value] of values.entries()) {
      const found = readValue(value);
      // An event may hold several values of one name.
      const at = values.length === 1 ? place : `${place}.${index}`;
      if (found === null) continue;
      if ('value' in found) points.push({ ...found, ...event, place: at });
      else present.push(found);
    }
  } catch (error) {
    notes.push({ place, text: `a record is no event: ${String(error)}` });
  }
}

/** Summary.value */
function valuesOf(summary: Buffer): Buffer[] {
  return [...fieldsOf(summary)].filter(({ number }) => number === 1).map(({ bytes }) => bytes);
}

/** Fields of Summary.Value that hold something else. */
const others: Readonly<Record<number, string>> = { 4: 'image', 5: 'histogram', 6: 'audio' };
/** Names under which the plugins of TensorBoard keep what is no scalar. */
const plugins: Readonly<Record<string, string>> = { images: 'image', histograms: 'histogram' };

/** Summary.Value: tag, and a plain number or a tensor that holds one; else what it is. */
function readValue(message: Buffer): { key: string; value: number } | Present | null {
  let key = '';
  let value: number | null = null;
  let plugin = '';
  let kind = '';
  for (const { number, bytes } of fieldsOf(message)) {
    if (number === 1) key = bytes.toString('utf8');
    if (number === 2) value = bytes.readFloatLE(0);
    if (number === 8) value = scalarOf(bytes);
    if (number === 9) plugin = pluginOf(bytes);
    kind ||= others[number] ?? '';
  }
  if (key === '') return null;
  const isScalar = plugin === '' || plugin === 'scalars';
  if (value !== null && isScalar) return { key, value };
  // A scalar's tensor with something else in it has no kind of its own.
  return { key, kind: kind || (plugins[plugin] ?? (isScalar ? 'tensor' : plugin)) };
}

/** SummaryMetadata.plugin_data.plugin_name */
function pluginOf(metadata: Buffer): string {
  for (const { number, bytes } of fieldsOf(metadata)) {
    if (number !== 1) continue;
    for (const inner of fieldsOf(bytes))
      if (inner.number === 1) return inner.bytes.toString('utf8');
  }
  return '';
}
