/**
 * A file that only takes up space: when a commit finds the disk full, a slice of it is given back, so that
 * last words (an exit, a stop) can still be stored. In slices, because whoever filled the disk fills on.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { promisify } from 'node:util';
import { errnoOf } from '../errors.ts';

export type Reserve = {
  bytes(): number;
  /** Gives one slice back; false when nothing is left. */
  release(): boolean;
  /** Takes space, up to the whole size, while plenty of it is free. Never throws. */
  refill(): Promise<void>;
};

export type ReserveOptions = { file: string; dir: string };

const sliceBytes = 1 << 20;
const leastBytes = 8 * sliceBytes;
const mostBytes = 64 * sliceBytes;
/** Of the file system. */
const share = 1 / 200;
const random = promisify(randomBytes);

export function createReserve({ file, dir }: ReserveOptions): Reserve {
  const { blocks, bsize } = fs.statfsSync(dir);
  const wanted = Math.min(mostBytes, Math.max(leastBytes, blocks * bsize * share));
  let filling: Promise<void> | null = null;

  const bytes = (): number => {
    try {
      return fs.statSync(file).size;
    } catch {
      return 0;
    }
  };
  const fill = async (): Promise<void> => {
    try {
      // Twice the size: what was just given back for a last word is not taken away again at once.
      while (bytes() + sliceBytes <= wanted && freeBytes(dir) > 2 * wanted) {
        // Random, because a file system that compresses would keep no space for zeros.
        await fs.promises.appendFile(file, await random(sliceBytes), { mode: 0o600 });
      }
    } catch (error) {
      // Somebody else was faster. A part of a slice is space as well.
      if (!['ENOSPC', 'EDQUOT', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error;
    }
  };
  return {
    bytes,
    release() {
      const size = bytes();
      if (size === 0) return false;
      fs.truncateSync(file, Math.max(0, size - sliceBytes));
      return true;
    },
    refill() {
      filling ??= fill()
        .catch(() => undefined)
        .finally(() => {
          filling = null;
        });
      return filling;
    },
  };
}

/** What is free for us on the file system of `dir`; nothing when it cannot be asked. */
export function freeBytes(dir: string): number {
  try {
    const { bavail, bsize } = fs.statfsSync(dir);
    return bavail * bsize;
  } catch {
    return 0;
  }
}

/** How full the file system of `dir` is for us, in whole percents; 100 when it cannot be asked. */
export function fullPercent(dir: string): number {
  try {
    const { blocks, bfree, bavail } = fs.statfsSync(dir);
    const used = blocks - bfree;
    return used + bavail === 0 ? 100 : Math.ceil((100 * used) / (used + bavail));
  } catch {
    return 100;
  }
}
