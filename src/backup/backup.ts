/**
 * `runyard backup`: the registry as it is at one moment, and the run directories as they are right after it, while
 * runs go on. Directories that are newer than the registry are what a daemon finds that died and was started
 * again, so a restore needs no more than such a start does. What is newer than that moment and would speak
 * against the registry is left out.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { errnoOf, RunyardError } from '../errors.ts';
import { type Db, type RunRow, readRegistry } from '../persistence/index.ts';
import { attemptFiles, bootId, runFiles, writeAtomic } from '../rundir/index.ts';
import { isArchive, publish } from './archive.ts';
import { copyTree } from './files.ts';
import { type BackupManifest, manifestFile } from './manifest.ts';
import { keptFiles } from './places.ts';

export type BackupOptions = {
  home: string;
  yard: string;
  version: string;
  /** A directory, or a file that ends in .tar, .tar.gz or .tgz; not there yet. */
  to: string;
  artifacts: boolean;
  /** Whether a daemon has the registry open. */
  isOpen: () => boolean;
  progress?: (text: string) => void;
};

type Row = Pick<RunRow, 'run_id' | 'attempt' | 'last_seq' | 'finished_at' | 'stop'>;

/** Throws backup_exists, and registry_lost, registry_corrupt and the like for a registry that cannot be read. */
export async function takeBackup(options: BackupOptions): Promise<BackupManifest> {
  const { home, to } = options;
  if (fs.existsSync(to)) throw new RunyardError('backup_exists', `${to} is there already`);
  if (`${path.resolve(to)}/`.startsWith(`${path.resolve(home)}/`)) {
    throw new RunyardError(
      'backup_invalid',
      `${to} lies in the state directory; take another place`,
    );
  }
  fs.mkdirSync(path.dirname(path.resolve(to)), { recursive: true });
  const staging = `${to}.${process.pid}.dir`;
  try {
    fs.mkdirSync(staging, { mode: 0o700 });
    const manifest = await fill(staging, options);
    if (isArchive(to)) options.progress?.('packing');
    await publish(staging, to);
    return manifest;
  } catch (error) {
    fs.rmSync(staging, { recursive: true, force: true });
    if (['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? ''))
      throw new RunyardError('disk_full', `there is no room for the backup ${to}`, {
        cause: error,
      });
    throw error;
  }
}

async function fill(staging: string, options: BackupOptions): Promise<BackupManifest> {
  const { home } = options;
  const at = new Date().toISOString();
  const registry = path.join(staging, 'registry.db');
  options.progress?.('registry');
  const rows = await copyRegistry(path.join(home, 'registry.db'), registry, options.isOpen);
  let bytes = fs.statSync(registry).size;
  for (const [index, row] of rows.runs.entries()) {
    options.progress?.(`run ${index + 1} of ${rows.runs.length}`);
    const [from, into] = [home, staging].map((root) => path.join(root, 'runs', row.run_id));
    if (from === undefined || into === undefined || !fs.existsSync(from)) continue;
    bytes += (await copyTree(from, into, (name) => isWanted(row, name))).bytes;
    cutEvents(into, row.last_seq);
  }
  bytes += (await copyTree(path.join(home, 'inputs'), path.join(staging, 'inputs'))).bytes;
  if (options.artifacts) {
    options.progress?.('artifacts');
    bytes += (await copyTree(path.join(home, 'artifacts'), path.join(staging, 'artifacts'))).bytes;
  }
  for (const name of keptFiles) {
    if (!fs.existsSync(path.join(home, name))) continue;
    fs.mkdirSync(path.dirname(path.join(staging, name)), { recursive: true, mode: 0o700 });
    fs.copyFileSync(path.join(home, name), path.join(staging, name));
  }
  const manifest: BackupManifest = {
    v: 1,
    at,
    version: options.version,
    schema: rows.schema,
    yard: options.yard,
    home: path.resolve(home),
    host: os.hostname(),
    boot_id: bootId(),
    runs: rows.runs.length,
    unfinished: rows.runs.filter((row) => row.finished_at === null).length,
    artifacts: options.artifacts,
    bytes,
    registry_sha256: crypto.hash('sha256', fs.readFileSync(registry)),
  };
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  writeAtomic(path.join(staging, manifestFile), text, { mode: 0o600, sync: true });
  return manifest;
}

/** One step of SQLite's online backup: of one moment, and no writer waits for it. */
async function copyRegistry(
  file: string,
  to: string,
  isOpen: () => boolean,
): Promise<{ schema: number; runs: Row[] }> {
  const source = readRegistry(file, isOpen);
  try {
    await source.db.backup(to, { progress: () => 0x7fffffff });
  } finally {
    source.close();
  }
  fs.chmodSync(to, 0o600);
  const copy = readRegistry(to, () => false);
  try {
    return { schema: schemaOf(copy.db), runs: rowsOf(copy.db) };
  } finally {
    copy.close();
  }
}

function schemaOf(db: Db): number {
  const [found] = db.pragma('quick_check(1)') as { quick_check: string }[];
  if (found?.quick_check !== 'ok')
    throw new RunyardError('registry_corrupt', `the registry is damaged: ${found?.quick_check}`);
  return Number(db.pragma('user_version', { simple: true }));
}

function rowsOf(db: Db): Row[] {
  const columns = 'run_id, attempt, last_seq, finished_at, stop';
  return db.prepare<[], Row>(`SELECT ${columns} FROM runs ORDER BY submitted_at`).all();
}

/** What of a run's directory goes with the registry's word on it. */
function isWanted(row: Row, name: string): boolean {
  const over = row.finished_at !== null;
  if (name === runFiles.outcome) return over;
  if (name === runFiles.stop) return row.stop !== null;
  // Credentials are made anew when it goes on.
  if (name === runFiles.bus || name.endsWith('.tmp')) return false;
  const [top, number, inner, deeper] = name.split(path.sep);
  if (top !== 'attempts' || number === undefined) return true;
  if (Number(number) > row.attempt) return false;
  // The directory of an isolated attempt is its user's, and may be of any size.
  if (inner === 'work' || deeper !== undefined) return inner !== 'work';
  if (inner === attemptFiles.worker) return false;
  return inner !== attemptFiles.ended || over || Number(number) < row.attempt;
}

/** Takes away the events that the registry's copy does not know: their numbers will be others'. */
function cutEvents(dir: string, lastSeq: number): void {
  for (const name of fs.readdirSync(dir).filter((each) => /^events(\.\d+)?\.jsonl$/.test(each))) {
    const file = path.join(dir, name);
    const lines = fs.readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const kept = lines.filter((line) => seqOf(line) <= lastSeq);
    if (kept.length < lines.length)
      fs.writeFileSync(file, kept.map((line) => `${line}\n`).join(''));
  }
}

function seqOf(line: string): number {
  try {
    return (JSON.parse(line) as { seq: number }).seq;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
