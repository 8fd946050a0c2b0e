/** Reads the points of a run's directory while they may be written: whole lines only, from any point on. */
import fs from 'node:fs';
import { lastLine, segmentFile, segmentsOf } from './journal.ts';

export type PointLine = {
  attempt: number;
  seq: number;
  key: string;
  step: number | string | null;
  wall: string;
  value: number | string;
  source: string;
  id: string;
};
export type Place = { attempt: number; seq: number };

const blockBytes = 256 * 1024;
const newline = 0x0a;

/** All lines from a place of the files on. What is no line of ours is left out. */
export function* linesFrom(
  dir: string,
  name: string,
  from: { segment: number; offset: number },
): Generator<PointLine> {
  const numbers = segmentsOf(dir, name);
  // A crash may have come before the file was begun that was to be next: then this one goes on.
  const first = Math.min(from.segment, numbers.at(-1) ?? from.segment);
  for (const number of numbers) {
    if (number < first) continue;
    const offset = number === from.segment ? from.offset : 0;
    for (const block of blocksOf(segmentFile(dir, name, number), offset)) yield* parsed(block);
  }
}

/** The points of an attempt from a number on, in blocks. Reads little of what comes before them. */
export function* pointsAfter(dir: string, name: string, from: Place): Generator<PointLine[]> {
  if (!fs.existsSync(dir)) return;
  const numbers = segmentsOf(dir, name);
  for (const number of numbers.slice(firstSegment(dir, name, numbers, from))) {
    const file = segmentFile(dir, name, number);
    for (const block of blocksOf(file, offsetOf(file, from))) {
      const points = parsed(block).filter(
        (line) => line.attempt === from.attempt && line.seq >= from.seq,
      );
      if (points.length > 0) yield points;
    }
  }
}

/** The last line of the files; null when there is none. */
export function lastPoint(dir: string, name: string): PointLine | null {
  if (!fs.existsSync(dir)) return null;
  for (const number of segmentsOf(dir, name).reverse()) {
    const text = lastLine(segmentFile(dir, name, number));
    if (text !== null) return one(text)[0] ?? null;
  }
  return null;
}

function isBefore(line: Place, place: Place): boolean {
  return line.attempt < place.attempt || (line.attempt === place.attempt && line.seq < place.seq);
}

/** Of the last file that begins before the place: its index among `numbers`. */
export function firstSegment(
  dir: string,
  name: string,
  numbers: readonly number[],
  place: Place,
): number {
  let first = 0;
  for (let index = 1; index < numbers.length; index += 1) {
    const head = firstLine(segmentFile(dir, name, numbers[index] ?? 0));
    if (head !== null && isBefore(head, place)) first = index;
  }
  return first;
}

/** Where a line begins that is not far before the place. */
export function offsetOf(file: string, place: Place): number {
  const fd = openToRead(file);
  if (fd === null) return 0;
  try {
    let [low, high] = [0, fs.fstatSync(fd).size];
    while (high - low > blockBytes) {
      const middle = Math.floor((low + high) / 2);
      const found = lineAfter(fd, middle, high);
      if (found !== null && isBefore(found.line, place)) low = found.offset;
      else high = middle;
    }
    return low;
  } finally {
    fs.closeSync(fd);
  }
}

/** The first whole line that begins after an offset. */
function lineAfter(
  fd: number,
  offset: number,
  end: number,
): { line: PointLine; offset: number } | null {
  const block = Buffer.allocUnsafe(Math.min(blockBytes, end - offset));
  const data = block.subarray(0, fs.readSync(fd, block, 0, block.length, offset));
  const from = data.indexOf(newline) + 1;
  const to = data.indexOf(newline, from);
  if (from === 0 || to < 0) return null;
  const [line] = parsed(data.subarray(from, to + 1));
  return line === undefined ? null : { line, offset: offset + from };
}

function firstLine(file: string): PointLine | null {
  for (const block of blocksOf(file, 0)) return parsed(block)[0] ?? null;
  return null;
}

/** Whole lines. */
function* blocksOf(file: string, from: number): Generator<Buffer> {
  const fd = openToRead(file);
  if (fd === null) return;
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (let at = from; ; ) {
      const block = Buffer.allocUnsafe(blockBytes);
      const length = fs.readSync(fd, block, 0, blockBytes, at);
      if (length === 0) return;
      at += length;
      const data = Buffer.concat([rest, block.subarray(0, length)]);
      const end = data.lastIndexOf(newline) + 1;
      rest = data.subarray(end);
      if (end > 0) yield data.subarray(0, end);
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** Null when it was dropped meanwhile. */
function openToRead(file: string): number | null {
  try {
    return fs.openSync(file, 'r');
  } catch {
    return null;
  }
}

function parsed(lines: Buffer): PointLine[] {
  const text = lines.toString('utf8').trimEnd();
  if (text === '') return [];
  try {
    return JSON.parse(`[${text.replaceAll('\n', ',')}]`) as PointLine[];
  } catch {
    return text.split('\n').flatMap(one);
  }
}

function one(text: string): PointLine[] {
  try {
    return [JSON.parse(text) as PointLine];
  } catch {
    return [];
  }
}
