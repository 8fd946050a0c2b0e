/** Reads a file while it grows, from where somebody else left off, in bounded memory. */
import fs from 'node:fs';
import { errnoOf } from '../errors.ts';
import type { Parsed, Parser } from './point.ts';

/** Where reading goes on. */
export type TailState = {
  offset: number;
  /** Bytes behind that which are passed over, as far as they are there yet. */
  skip: number;
};

export type Read = Pick<Parsed, 'points' | 'notes' | 'present'>;

export type Tail = {
  /** Holds the file, if it is there, so that it may be removed before it was read. */
  hold(): void;
  /** What is there now, one block at the most; null when nothing new could be read. */
  read(): Read | null;
  state(): TailState;
  close(): void;
};

/** A record larger than this is passed over by the formats that can. */
const blockBytes = 1 << 20;
/** So much is read at a time, unless nothing whole is in it: small records become many points. */
const readBytes = 1 << 16;
/** One for all: what is read of it is looked at before anything else is read. */
let shared: Buffer | null = null;

export function createTail(
  file: string,
  parse: Parser,
  from: TailState = { offset: 0, skip: 0 },
): Tail {
  let { offset, skip } = from;
  let fd: number | null = null;
  const open = (): number | null => {
    // It may be long in coming, and an error for each look is dear.
    if (fd === null && !fs.existsSync(file)) return null;
    try {
      // What only has the name of a file, and is a pipe, must not make us wait.
      fd ??= fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      return fd;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
  };

  const advance = ({ used, skip: more = 0 }: Parsed): void => {
    offset += used;
    skip = more;
  };

  return {
    hold: () => void open(),
    read() {
      const opened = open();
      if (opened === null) return null;
      const size = fs.fstatSync(opened).size;
      if (skip > 0) {
        const there = Math.max(0, Math.min(skip, size - offset));
        offset += there;
        skip -= there;
        if (skip > 0) return null;
      }
      if (size <= offset) return null;
      shared ??= Buffer.allocUnsafe(blockBytes);
      const block = shared;
      let parsed: Parsed | null = null;
      for (const most of [readBytes, blockBytes]) {
        const length = fs.readSync(opened, block, 0, most, offset);
        parsed = parse(block.subarray(0, length), offset, length === blockBytes);
        const isUsed = parsed.used > 0 || (parsed.skip ?? 0) > 0;
        if (isUsed || length < most) break;
      }
      if (parsed === null || (parsed.used === 0 && (parsed.skip ?? 0) === 0)) return null;
      advance(parsed);
      return parsed;
    },
    state: () => ({ offset, skip }),
    close() {
      if (fd !== null) fs.closeSync(fd);
      fd = null;
    },
  };
}
