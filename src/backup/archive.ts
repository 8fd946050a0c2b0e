/** Directories and tar files: a backup is either, and what is made is seen whole or not at all. */
import fs from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { RunyardError } from '../errors.ts';

/** Whether a name is that of a tar file, compressed or not; else it is a directory's. */
export function isArchive(name: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/.test(name);
}

/** Puts what lies in `staging` at `to`, which is not there yet. */
export async function publish(staging: string, to: string): Promise<void> {
  if (!isArchive(to)) {
    fs.renameSync(staging, to);
    return;
  }
  const draft = `${to}.${process.pid}.part`;
  try {
    fs.closeSync(fs.openSync(draft, 'wx', 0o600));
    await execa('tar', [to.endsWith('.tar') ? '-cf' : '-czf', draft, '-C', staging, '.']);
    fs.renameSync(draft, to);
  } catch (cause) {
    fs.rmSync(draft, { force: true });
    throw new RunyardError('home_unusable', `${to} could not be written`, { cause });
  }
  fs.rmSync(staging, { recursive: true, force: true });
}

/** The directory of a backup, and how it is left. Throws backup_invalid. */
export async function unpacked(
  from: string,
  beside: string,
): Promise<{ dir: string; [Symbol.dispose](): void }> {
  const stat = fs.statSync(from, { throwIfNoEntry: false });
  if (stat === undefined) throw new RunyardError('backup_invalid', `there is no backup ${from}`);
  if (stat.isDirectory()) return { dir: from, [Symbol.dispose]: () => undefined };
  fs.mkdirSync(path.dirname(beside), { recursive: true, mode: 0o700 });
  const dir = fs.mkdtempSync(`${beside}.unpacked-`);
  const remove = (): void => fs.rmSync(dir, { recursive: true, force: true });
  try {
    await execa('tar', ['-xf', from, '-C', dir, '--no-same-owner']);
  } catch (cause) {
    remove();
    throw new RunyardError('backup_invalid', `${from} could not be unpacked`, { cause });
  }
  return { dir, [Symbol.dispose]: remove };
}
