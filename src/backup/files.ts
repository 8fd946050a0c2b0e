/** Copies files of a state directory that others go on writing. */
import fs from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../errors.ts';

export type Copied = { files: number; bytes: number };

/**
 * Copies the regular files below a directory for which `wanted` says so (names relative to it), with their
 * times; what vanishes meanwhile, and sockets, pipes and links, are left out. Existing files are kept as they are.
 */
export async function copyTree(
  from: string,
  to: string,
  wanted: (name: string, isDirectory: boolean) => boolean = () => true,
): Promise<Copied> {
  const copied: Copied = { files: 0, bytes: 0 };
  const visit = async (inner: string): Promise<void> => {
    const dir = path.join(from, inner);
    const entries = await fs.readdir(dir, { withFileTypes: true }).catch(unlessGone);
    if (entries === null) return;
    await fs.mkdir(path.join(to, inner), { recursive: true, mode: 0o700 });
    for (const entry of entries) {
      const name = path.join(inner, entry.name);
      if (!wanted(name, entry.isDirectory())) continue;
      if (entry.isDirectory()) await visit(name);
      else if (entry.isFile()) await copy(name);
    }
  };
  const copy = async (name: string): Promise<void> => {
    const [source, target] = [path.join(from, name), path.join(to, name)];
    const { COPYFILE_EXCL, COPYFILE_FICLONE } = fs.constants;
    try {
      await fs.copyFile(source, target, COPYFILE_EXCL | COPYFILE_FICLONE);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EEXIST') return;
      throw error;
    }
    const stat = await fs.stat(source).catch(unlessGone);
    if (stat !== null) await fs.utimes(target, stat.atime, stat.mtime);
    copied.files += 1;
    copied.bytes += (await fs.stat(target)).size;
  };
  await visit('');
  return copied;
}

function unlessGone(error: unknown): null {
  if (errnoOf(error) === 'ENOENT') return null;
  throw error;
}
