/** Takes the files that a run's rules name into the store: copied (reflinked where possible), hashed, listed. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { failpoint } from '../failpoints.ts';

export type Artifact = {
  name: string;
  size: number;
  sha256: string;
  media_type: string;
  modified: string;
};
export type Taken = { manifest: string; artifacts: number; bytes: number; problems: string[] };

const mediaTypes: Readonly<Record<string, string>> = {
  '.mp4': 'video/mp4',
  '.png': 'image/png',
  '.json': 'application/json',
  '.jsonl': 'application/jsonl',
  '.csv': 'text/csv',
  '.yaml': 'application/yaml',
  '.txt': 'text/plain',
};

/**
 * Copies what matches below `cwd` and was modified since `sinceMs` into `store`, which appears whole or
 * not at all, with a `manifest.json`. A file that cannot be taken is a problem in the manifest, not an error.
 */
export async function takeArtifacts(input: {
  cwd: string;
  globs: readonly string[];
  sinceMs: number;
  store: string;
}): Promise<Taken> {
  const { cwd, globs, sinceMs, store } = input;
  const manifest = path.join(store, 'manifest.json');
  if (fs.existsSync(manifest)) return summaryOf(manifest);
  const building = `${store}.building`;
  fs.rmSync(building, { recursive: true, force: true });
  fs.mkdirSync(building, { recursive: true, mode: 0o700 });
  const artifacts: Artifact[] = [];
  const problems: string[] = [];
  for (const name of await matches(cwd, globs)) {
    try {
      const artifact = await take(cwd, name, sinceMs, building);
      if (artifact !== null) artifacts.push(artifact);
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const text = JSON.stringify({ v: 1, artifacts, problems }, null, 2);
  fs.writeFileSync(path.join(building, 'manifest.json'), `${text}\n`, { mode: 0o600 });
  failpoint('worker.taking');
  fs.rmSync(store, { recursive: true, force: true });
  fs.renameSync(building, store);
  return summaryOf(manifest);
}

function summaryOf(manifest: string): Taken {
  const { artifacts, problems } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as {
    artifacts: Artifact[];
    problems: string[];
  };
  const bytes = artifacts.reduce((sum, { size }) => sum + size, 0);
  return { manifest, artifacts: artifacts.length, bytes, problems };
}

async function matches(cwd: string, globs: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  for await (const name of fs.promises.glob([...globs], { cwd })) names.add(name);
  return [...names].sort();
}

/** One file, or null when it is no regular file below `cwd`, or older than the attempt. */
async function take(
  cwd: string,
  name: string,
  sinceMs: number,
  building: string,
): Promise<Artifact | null> {
  const source = path.resolve(cwd, name);
  const real = await fs.promises.realpath(source);
  // Names cannot leave the directory, not even through a link.
  if (!real.startsWith(`${await fs.promises.realpath(cwd)}${path.sep}`)) return null;
  const stat = await fs.promises.lstat(source);
  if (!stat.isFile() || stat.mtimeMs < sinceMs) return null;
  const target = path.join(building, name);
  await fs.promises.mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
  await fs.promises.copyFile(source, target, fs.constants.COPYFILE_FICLONE);
  const hash = crypto.createHash('sha256');
  await pipeline(fs.createReadStream(target), hash);
  return {
    name,
    size: (await fs.promises.stat(target)).size,
    sha256: hash.digest('hex'),
    media_type: mediaTypes[path.extname(name)] ?? 'application/octet-stream',
    modified: stat.mtime.toISOString(),
  };
}
