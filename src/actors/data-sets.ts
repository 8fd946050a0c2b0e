/** Whether the data that a run needs is there, and is what it was. */
import fs from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import type { TrainRunConfig } from '../contracts/index.ts';
import { messageOf } from '../errors.ts';

export type DataSet = NonNullable<TrainRunConfig['data']>[number];

/** SHA-256 of a file, hex. Throws when it cannot be read. */
export type Hash = (file: string, signal?: AbortSignal) => Promise<string>;

/** How many checksums are remembered. */
const rememberedMost = 1000;

/** Why each of them cannot be used; empty when all can. Relative paths begin at `cwd`. Without `hash`, checksums are believed. */
export async function dataReasons(
  sets: readonly DataSet[],
  cwd: string,
  hash: Hash | null,
  signal?: AbortSignal,
): Promise<string[]> {
  const reasons: string[] = [];
  // One after another: they lie on one disk most often, and reading two at once is slower than both.
  for (const set of sets) {
    const reason = await reasonOf(set, path.resolve(cwd, set.path), hash, signal);
    if (reason !== null) reasons.push(reason);
  }
  return reasons;
}

async function reasonOf(
  { bytes, sha256 }: DataSet,
  place: string,
  hash: Hash | null,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  try {
    const stat = await fs.stat(place);
    const found = stat.isDirectory() ? await sizeBelow(place) : stat.size;
    if (bytes !== undefined && found !== bytes)
      return `the data set ${place} has ${found} bytes instead of ${bytes}`;
    if (bytes === undefined && found === 0) return `the data set ${place} is empty`;
    if (sha256 === undefined) return null;
    if (!stat.isFile()) return `the data set ${place} has a checksum, but is not a file`;
    const sum = hash === null ? sha256 : await hash(place, signal);
    if (sum === sha256) return null;
    return `the data set ${place} has the SHA-256 ${sum} instead of ${sha256}`;
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (missing) return `the data set ${place} does not exist`;
    return `the data set ${place} cannot be read: ${messageOf(error)}`;
  }
}

/** Bytes of all files below a directory. */
async function sizeBelow(dir: string): Promise<number> {
  let total = 0;
  for await (const entry of await fs.opendir(dir, { recursive: true })) {
    if (entry.isFile()) total += (await fs.stat(path.join(entry.parentPath, entry.name))).size;
  }
  return total;
}

/**
 * Checksums by a process of its own, so that a hundred gigabytes stop nobody; what did not change
 * meanwhile is not read again, so that fifty runs over one data set wait for it once.
 */
export function createHash(): Hash {
  const known = new Map<string, Promise<string>>();
  return async (file, signal) => {
    const { dev, ino, size, mtimeNs } = await fs.stat(file, { bigint: true });
    const id = [dev, ino, size, mtimeNs].join('.');
    for (let before = known.get(id); before !== undefined; before = known.get(id)) {
      const sum = await before.catch(() => null);
      if (sum !== null) return sum;
      // That it was called off says nothing to others who wait for it.
      signal?.throwIfAborted();
    }
    const sum = sha256sum(file, signal);
    known.set(id, sum);
    sum.catch(() => known.delete(id));
    const [oldest] = known.keys();
    if (known.size > rememberedMost && oldest !== undefined) known.delete(oldest);
    return sum;
  };
}

async function sha256sum(file: string, signal?: AbortSignal): Promise<string> {
  const { stdout, failed, exitCode, shortMessage, stderr } = await execa(
    'sha256sum',
    ['--', file],
    {
      stdin: 'ignore',
      reject: false,
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    },
  );
  if (failed) throw new Error(exitCode === undefined ? shortMessage : stderr);
  // What it says of a file with a strange name begins with a backslash.
  return /^\\?([0-9a-f]{64}) /.exec(stdout)?.[1] ?? '';
}
