/** A file system of a few MiB for a test, to be filled and freed. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { execa } from 'execa';

export type SmallDisk = {
  dir: string;
  free(): number;
  /** Leaves nothing free. */
  fill(): void;
  /** Frees what was filled. */
  clear(): void;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Null, with the test skipped, where none can be mounted. */
export async function mountSmallDisk(t: TestContext, mib: number): Promise<SmallDisk | null> {
  const disk = await openSmallDisk(mib);
  if (typeof disk !== 'string') return disk;
  t.skip(disk);
  return null;
}

/** Or why none can be had. */
export async function openSmallDisk(mib: number): Promise<SmallDisk | string> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-disk-'));
  const options = ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', dir];
  const mounted = await execa('mount', options, { reject: false });
  if (mounted.failed) {
    fs.rmdirSync(dir);
    return `cannot mount: ${mounted.stderr}`;
  }
  const ballast = path.join(dir, 'ballast');
  return {
    dir,
    free() {
      const { bavail, bsize } = fs.statfsSync(dir);
      return bavail * bsize;
    },
    fill() {
      const fd = fs.openSync(ballast, 'a');
      const page = Buffer.alloc(4096);
      try {
        while (fs.writeSync(fd, page) === page.length);
      } catch {
        // Full, as intended.
      } finally {
        fs.closeSync(fd);
      }
    },
    clear: () => fs.rmSync(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      await execa('umount', ['-l', dir]);
      fs.rmdirSync(dir);
    },
  };
}
