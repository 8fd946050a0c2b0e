/** Takes one file into a store: whole, or not at all. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errnoOf } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import type { Artifact } from './manifest.ts';
import { type ReadAt, readFrom, readMp4 } from './mp4.ts';
import { mediaTypeOf, stepOf } from './names.ts';

export type Taking = {
  /** The run's directory, without links in it. */
  root: string;
  name: string;
  store: string;
  version: number;
  /** Link it instead of copying it: it is to be removed once it is listed. */
  move: boolean;
  /** A copy that would leave less free than this is not made. */
  floorBytes: number;
  now: () => string;
};

/** `changed`: it was written to meanwhile. Text: why it cannot be taken. */
export type Took = { artifact: Artifact } | 'changed' | string;

/** Where files lie until they are whole. */
export const draftsName = 'drafts';

/** Which state of a file it is: any writing makes another one. */
export function stampOf({ ino, size, mtimeNs }: fs.BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}`;
}

/** The file, opened and surely below `root`, or why not. Never waits, not even for a pipe. */
async function openBelow(root: string, name: string): Promise<fs.promises.FileHandle | string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  const file = path.join(root, name);
  const handle = await fs.promises.open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  // A directory on its way may be a link; what was opened says where it really is.
  const real = await fs.promises.readlink(`/proc/self/fd/${handle.fd}`);
  if (real.startsWith(root === '/' ? root : `${root}/`)) return handle;
  await handle.close();
  return 'it is not below the working directory';
}

export async function takeFile(taking: Taking): Promise<Took> {
  const { root, name, store, version } = taking;
  const handle = await openBelow(root, name);
  if (typeof handle === 'string') return handle;
  const draft = path.join(store, draftsName, crypto.randomBytes(8).toString('hex'));
  try {
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) return 'it is no regular file';
    await fs.promises.mkdir(path.dirname(draft), { recursive: true, mode: 0o700 });
    await bring(taking, handle, Number(before.size), draft);
    const { size, sha256, video } = await digest(draft, name);
    const after = await handle.stat({ bigint: true });
    if (stampOf(after) !== stampOf(before) || size !== Number(before.size)) return 'changed';
    failpoint('artifact.copied');
    const placed = await place(draft, store, name, version);
    failpoint('artifact.placed');
    const step = stepOf(name);
    const isVideo = mediaTypeOf(name) === 'video/mp4';
    return {
      artifact: {
        name,
        path: placed,
        size,
        sha256,
        media_type: mediaTypeOf(name),
        modified: before.mtime.toISOString(),
        taken: taking.now(),
        version,
        stamp: stampOf(before),
        ...(step === null ? {} : { step }),
        ...(video === null ? {} : { video }),
        ...(isVideo && video === null
          ? { note: 'it has no header: whoever wrote it did not finish it' }
          : {}),
      },
    };
  } finally {
    await handle.close();
    await fs.promises.rm(draft, { force: true });
  }
}

/** The file as a draft: linked, or sharing its blocks, or copied. */
async function bring(
  taking: Taking,
  handle: fs.promises.FileHandle,
  size: number,
  draft: string,
): Promise<void> {
  const source = `/proc/self/fd/${handle.fd}`;
  if (taking.move && (await linked(path.join(taking.root, taking.name), handle, draft))) return;
  const { COPYFILE_FICLONE_FORCE, COPYFILE_EXCL } = fs.constants;
  try {
    await fs.promises.copyFile(source, draft, COPYFILE_FICLONE_FORCE | COPYFILE_EXCL);
  } catch {
    await fs.promises.rm(draft, { force: true });
    const { bavail, bsize } = await fs.promises.statfs(path.dirname(draft));
    if (bavail * bsize - size < taking.floorBytes) {
      throw Object.assign(new Error('there is not enough space on the disk for a copy'), {
        code: 'ENOSPC',
      });
    }
    await fs.promises.copyFile(source, draft, COPYFILE_EXCL);
  }
  const copy = await fs.promises.open(draft, 'r');
  try {
    // Listed only when it would survive a power loss.
    await copy.datasync();
  } finally {
    await copy.close();
  }
}

/** False when it cannot be linked, mostly because the store is on another file system. */
async function linked(
  file: string,
  handle: fs.promises.FileHandle,
  draft: string,
): Promise<boolean> {
  try {
    await fs.promises.link(file, draft);
    const [made, meant] = [await fs.promises.lstat(draft), await handle.stat()];
    if (made.ino === meant.ino && made.dev === meant.dev) {
      await handle.datasync();
      return true;
    }
    await fs.promises.rm(draft, { force: true });
    return false;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

async function digest(draft: string, name: string) {
  const hash = crypto.createHash('sha256');
  let size = 0;
  await pipeline(
    fs.createReadStream(draft, { highWaterMark: 256 * 1024 }),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        size += chunk.length;
        yield chunk;
      }
    },
    hash,
  );
  const isVideo = mediaTypeOf(name) === 'video/mp4';
  return { size, sha256: hash.digest('hex'), video: isVideo ? await videoOf(draft, size) : null };
}

async function videoOf(draft: string, size: number) {
  const handle = await fs.promises.open(draft, 'r');
  try {
    const read: ReadAt = readFrom(handle);
    return await readMp4(read, size);
  } finally {
    await handle.close();
  }
}

/** How many places are tried: a directory may be where a file of that name was. */
const placesMost = 100;

/** Moves a draft to `vN/NAME`. What is listed is never touched: its N is a lower one. */
async function place(draft: string, store: string, name: string, version: number): Promise<string> {
  for (let number = version; ; number += 1) {
    const placed = path.join(`v${number}`, name);
    try {
      await fs.promises.mkdir(path.join(store, path.dirname(placed)), {
        recursive: true,
        mode: 0o700,
      });
      await fs.promises.rename(draft, path.join(store, placed));
      return placed;
    } catch (error) {
      const taken = ['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY'].includes(errnoOf(error) ?? '');
      if (!taken || number >= version + placesMost) throw error;
    }
  }
}
