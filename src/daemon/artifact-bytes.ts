/** Bytes of an artifact in the store. */
import fs from 'node:fs';
import path from 'node:path';
import type { ArtifactItem } from '../contracts/index.ts';
import { errnoOf, RunyardError } from '../errors.ts';

const chunkBytes = 64 * 1024;

/**
 * `length` 0: to the end. Throws `artifact_not_found` for what is not in the store, and for what a manifest
 * that was tampered with names outside of it.
 */
export async function* artifactBytes(
  root: string,
  item: ArtifactItem,
  { offset, length }: { offset: number; length: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const file = await opened(root, item);
  try {
    let at = offset;
    let left = length === 0 ? Number.POSITIVE_INFINITY : length;
    while (left > 0 && !signal.aborted) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, left));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
      left -= bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function opened(root: string, item: ArtifactItem): Promise<fs.promises.FileHandle> {
  const refuse = (why: string, cause?: unknown): RunyardError =>
    new RunyardError(
      'artifact_not_found',
      `the artifact ${item.name} is not in the store: ${why}`,
      {
        cause,
      },
    );
  if (item.path === '') throw refuse(item.problem || 'it was never taken');
  try {
    const [store, real] = await Promise.all(
      [root, item.path].map((at) => fs.promises.realpath(at)),
    );
    if (real === undefined || !real.startsWith(`${store}${path.sep}`)) {
      throw refuse('its manifest names a place outside');
    }
    const file = await fs.promises.open(real, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw refuse('it is no file');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw refuse('it was removed', error);
    throw error;
  }
}
