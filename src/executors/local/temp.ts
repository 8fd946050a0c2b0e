/**
 * A directory for temporary files of each attempt, below the one that the user's programs use anyway:
 * on the disk that they chose, short enough for sockets in it, and gone when the attempt is over.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export type Attempt = { runId: string; attempt: number };

const namePattern = /^runyard-([a-z2-7]{8})-(\d+)$/;
const nameOf = ({ runId, attempt }: Attempt): string => `runyard-${runId}-${attempt}`;

/** The directory, private and ours; null where none can be made, and then the trainer does without. */
export function makeTemp(base: string, which: Attempt): string | null {
  if (!path.isAbsolute(base)) return null;
  const dir = path.join(base, nameOf(which));
  try {
    fs.mkdirSync(dir, { mode: 0o700 });
    return dir;
  } catch {
    // Ours of a launch that was interrupted; or not to be had.
    return isOurs(dir) ? dir : null;
  }
}

/** Removes what the attempt left there. `known` is where it was made, null when nobody knows any more. */
export async function pruneTemp(which: Attempt, known: string | null): Promise<void> {
  const dirs = known === null ? bases().map((base) => path.join(base, nameOf(which))) : [known];
  for (const dir of dirs) {
    // The name says whose it is, whatever the file said that named it.
    if (path.basename(dir) === nameOf(which) && isOurs(dir)) await removeAll(dir);
  }
}

/** Directories of attempts that a crash may have left, where they usually are. */
export function foundTemps(): (Attempt & { dir: string })[] {
  return bases().flatMap((base) =>
    namesIn(base).flatMap((name) => {
      const [, runId = '', attempt = ''] = namePattern.exec(name) ?? [];
      const dir = path.join(base, name);
      return runId !== '' && isOurs(dir) ? [{ runId, attempt: Number(attempt), dir }] : [];
    }),
  );
}

function bases(): string[] {
  return [...new Set(['/tmp', os.tmpdir()])];
}

function namesIn(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch {
    return [];
  }
}

/** A directory itself, no link to one, that belongs to us. */
function isOurs(dir: string): boolean {
  const stat = fs.lstatSync(dir, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === process.getuid?.();
}

/** What a trainer left behind may still be writing there while it is being ended: hence the retries. */
const removal = { recursive: true, force: true, maxRetries: 5, retryDelay: 20 };

async function removeAll(dir: string): Promise<void> {
  try {
    await fs.promises.rm(dir, removal);
  } catch {
    // Some caches write-protect their directories, which keeps even their owner from emptying them.
    await openUp(dir);
    await fs.promises.rm(dir, removal);
  }
}

async function openUp(dir: string): Promise<void> {
  await fs.promises.chmod(dir, 0o700);
  for (const entry of await fs.promises.readdir(dir, { withFileTypes: true }))
    if (entry.isDirectory()) await openUp(path.join(dir, entry.name));
}
