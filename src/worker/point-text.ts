/**
 * Points as the JSON of a message, in the bytes that will be sent: of a million points neither an object nor
 * a text outlives its own line.
 */
import { toBusInteger, toBusNumber } from '../numbers.ts';
import type { FoundPoint } from './point-queue.ts';

export type PointText = {
  add(point: FoundPoint, seq: number): void;
  bytes(): number;
  /** What was added since the last time, with commas in between. */
  take(): Buffer;
};

const firstBytes = 4096;
/** Bytes of a character in quotes at the most, as `\\u0000`. */
const widest = 6;
/** Of a point beside its texts. */
const restBytes = 256;

export function createPointText(): PointText {
  let block = Buffer.allocUnsafe(firstBytes);
  let used = 0;

  const room = (bytes: number): void => {
    if (used + bytes <= block.length) return;
    const larger = Buffer.allocUnsafe(Math.max(used + bytes, 2 * block.length));
    block.copy(larger, 0, 0, used);
    block = larger;
  };
  const put = (bytes: Buffer): void => {
    block.set(bytes, used);
    used += bytes.length;
  };
  /** For short texts of digits a loop costs less than a call. */
  const putPlain = (text: string): void => {
    let at = used;
    for (let index = 0; index < text.length; index += 1) {
      block[at] = text.charCodeAt(index);
      at += 1;
    }
    used = at;
  };
  const putQuoted = (text: string): void => {
    let at = used;
    block[at++] = quote;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code < 0x20 || code > 0x7e || code === quote || code === backslash) {
        used += block.write(JSON.stringify(text), used);
        return;
      }
      block[at++] = code;
    }
    block[at++] = quote;
    used = at;
  };
  return {
    add({ key, step, wallMs, value, source, id }, seq) {
      room(restBytes + widest * (key.length + id.length));
      if (used > 0) block[used++] = comma;
      put(opening);
      putPlain(String(seq));
      put(named(key));
      const at = step === null ? null : toBusInteger(step);
      putPlain(typeof at === 'string' ? `"${at}"` : String(at));
      put(timed(wallMs));
      putPlain(Number.isFinite(value) ? String(value) : `"${toBusNumber(value)}"`);
      put(from(source));
      putQuoted(id);
      block[used++] = closing;
    },
    bytes: () => used,
    take() {
      const taken = Buffer.from(block.subarray(0, used));
      used = 0;
      return taken;
    },
  };
}

const [quote, backslash, comma, closing] = [0x22, 0x5c, 0x2c, 0x7d];
const opening = Buffer.from('{"seq":');

/** What is the same in many points is made once. */
const named = kept((key: string) => `,"key":${JSON.stringify(key)},"step":`);
const timed = kept((ms: number) => `,"wall":"${timeOf(ms)}","value":`);
const from = kept((source: string) => `,"source":${JSON.stringify(source)},"id":`);
const keptMost = 1000;

function kept<T>(text: (of: T) => string): (of: T) => Buffer {
  const all = new Map<T, Buffer>();
  return (of) => {
    const known = all.get(of);
    if (known !== undefined) return known;
    const made = Buffer.from(text(of));
    if (all.size >= keptMost) all.clear();
    all.set(of, made);
    return made;
  };
}

/** A source may hold any number as its time. */
function timeOf(ms: number): string {
  const at = new Date(ms);
  const year = at.getUTCFullYear();
  return year >= 1970 && year <= 9999 ? at.toISOString() : new Date(0).toISOString();
}
