/**
 * Lines appended to files of a bounded size: NAME.jsonl, NAME.2.jsonl, NAME.3.jsonl … When all together have
 * more than they may, the oldest goes. A line that a crash cut short is taken away before the next is written.
 */
import fs from 'node:fs';
import path from 'node:path';

export type Limits = { segmentBytes: number; totalBytes: number };

export type Journal = {
  /** The last line, or null. */
  readonly last: string | null;
  /** The file that is written now, and where. */
  end(): { segment: number; offset: number };
  /** Whole lines, each with its newline. All of them are written, or none; throws what the disk says. */
  append(lines: string): void;
  /** Whether these lines would begin another file. */
  turns(lines: string): boolean;
  /** Resolves when all that was appended before is on the disk. */
  sync(): Promise<void>;
  close(): void;
};

const blockBytes = 64 * 1024;
const newline = 0x0a;

/** The directory has to be there. */
export function openJournal(dir: string, name: string, limits: Limits): Journal {
  const numbers = segmentsOf(dir, name);
  let segment = numbers.at(-1) ?? 1;
  let fd = open(dir, name, segment);
  let size = mended(fd);
  let last: string | null = null;
  for (const number of [...numbers].reverse()) {
    last = lastLine(segmentFile(dir, name, number));
    if (last !== null) break;
  }
  let dirty = false;
  const turns = (lines: string): boolean =>
    size > 0 && size + Buffer.byteLength(lines) > limits.segmentBytes;
  return {
    get last() {
      return last;
    },
    end: () => ({ segment, offset: size }),
    turns,
    append(lines) {
      if (turns(lines)) {
        // What a power loss takes is the end alone, never a file in the middle.
        if (dirty) fs.fdatasyncSync(fd);
        const next = open(dir, name, segment + 1);
        fs.closeSync(fd);
        [fd, size, segment] = [next, mended(next), segment + 1];
        dropOldest(dir, name, limits.totalBytes - limits.segmentBytes);
      }
      const data = Buffer.from(lines);
      try {
        for (let at = 0; at < data.length; ) at += fs.writeSync(fd, data, at);
      } catch (error) {
        fs.ftruncateSync(fd, size);
        throw error;
      }
      size += data.length;
      dirty = true;
      const end = lines.lastIndexOf('\n', lines.length - 2);
      last = lines.slice(end + 1, -1);
    },
    sync: () =>
      new Promise((resolve, reject) => {
        if (!dirty) return resolve();
        dirty = false;
        fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
      }),
    close: () => fs.closeSync(fd),
  };
}

/** Numbers of the files that are there, in order. */
export function segmentsOf(dir: string, name: string): number[] {
  const pattern = new RegExp(`^${name}(?:\\.(\\d+))?\\.jsonl$`);
  return fs
    .readdirSync(dir)
    .map((file) => pattern.exec(file))
    .filter((found) => found !== null)
    .map(([, number = '1']) => Number(number))
    .sort((a, b) => a - b);
}

export function segmentFile(dir: string, name: string, number: number): string {
  return path.join(dir, number === 1 ? `${name}.jsonl` : `${name}.${number}.jsonl`);
}

function open(dir: string, name: string, number: number): number {
  return fs.openSync(segmentFile(dir, name, number), 'a+', 0o600);
}

/** Its size, once it ends with a whole line. */
function mended(fd: number): number {
  const { size } = fs.fstatSync(fd);
  const kept = endOfLines(fd, size);
  if (kept < size) fs.ftruncateSync(fd, kept);
  return kept;
}

/** Where the last newline before `end` ends; 0 without one. */
function endOfLines(fd: number, end: number): number {
  const block = Buffer.allocUnsafe(blockBytes);
  for (let at = end; at > 0; ) {
    const from = Math.max(0, at - blockBytes);
    const length = fs.readSync(fd, block, 0, at - from, from);
    const found = block.subarray(0, length).lastIndexOf(newline);
    if (found >= 0) return from + found + 1;
    at = from;
  }
  return 0;
}

/** Null where there is no whole one. */
export function lastLine(file: string): string | null {
  const fd = fs.openSync(file, 'r');
  try {
    const end = endOfLines(fd, fs.fstatSync(fd).size);
    if (end === 0) return null;
    const from = endOfLines(fd, end - 1);
    const line = Buffer.alloc(end - 1 - from);
    fs.readSync(fd, line, 0, line.length, from);
    return line.toString('utf8');
  } finally {
    fs.closeSync(fd);
  }
}

function dropOldest(dir: string, name: string, mostBytes: number): void {
  const sizes = segmentsOf(dir, name).map((number) => {
    const file = segmentFile(dir, name, number);
    return { file, bytes: fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0 };
  });
  let total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { file, bytes } of sizes.slice(0, -1)) {
    if (total <= mostBytes) return;
    fs.rmSync(file, { force: true });
    total -= bytes;
  }
}
