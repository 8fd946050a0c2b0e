/**
 * `runyard restore`: puts a backup where a state directory was or is to be. Directories of runs that are there
 * already are newer than any backup and stay; the registry comes last, and until then no daemon begins. Nothing
 * starts afterwards before a person says so: what waited at the time of the backup may have run since.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { RunyardError } from '../errors.ts';
import {
  type Db,
  type Home,
  openDatabase,
  openHome,
  registryError,
  takeDaemonLock,
} from '../persistence/index.ts';
import { attemptDir, isAlive, judge, readClaim } from '../rundir/index.ts';
import { unpacked } from './archive.ts';
import { copyTree } from './files.ts';
import { loosen } from './loosen.ts';
import { type BackupManifest, readManifest } from './manifest.ts';
import { keptFiles } from './places.ts';

export type RestoreOptions = {
  from: string;
  home: string;
  /** Also into a state directory that holds runs; what is there of a run stays, its registry is set aside. */
  over: boolean;
  progress?: (text: string) => void;
};

export type Restored = BackupManifest & {
  /** Where the registry that was there is now; empty when there was none. */
  set_aside: string;
  /** Whether the yard was drained, because runs waited or went on. */
  drained: boolean;
  /** Run directories that are newer than the backup, and that its registry does not know. */
  unknown: number;
};

type Unfinished = { run_id: string; attempt: number; state: string };

/**
 * Throws backup_invalid, home_not_empty, daemon_already_running, registry_from_future, registry_corrupt.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { from, over } = options;
  const root = path.resolve(options.home);
  using source = await unpacked(from, root);
  const manifest = readManifest(source.dir);
  const registry = path.join(source.dir, 'registry.db');
  if (crypto.hash('sha256', fs.readFileSync(registry)) !== manifest.registry_sha256)
    throw new RunyardError('backup_invalid', `${registry} is not the one that was backed up`);
  if (!over) refuseInhabited(root);
  const home = openHome(root);
  const lock = takeDaemonLock(home.lock);
  if (lock === null) {
    const text = `a daemon runs for ${root}; first: runyard down --keep-bus`;
    throw new RunyardError('daemon_already_running', text);
  }
  try {
    return await fill(home, source.dir, manifest, options);
  } finally {
    lock.release();
  }
}

function refuseInhabited(root: string): void {
  const runs = path.join(root, 'runs');
  const there = fs.existsSync(runs) ? fs.readdirSync(runs).length : 0;
  if (there === 0 && !fs.existsSync(path.join(root, 'registry.db'))) return;
  const text = `${root} holds a registry or runs; take an empty directory, or say --over: what is there of a run stays then, and the registry is kept under another name`;
  throw new RunyardError('home_not_empty', text);
}

async function fill(
  home: Home,
  source: string,
  manifest: BackupManifest,
  options: RestoreOptions,
): Promise<Restored> {
  const draft = `${home.registry}.restoring`;
  for (const suffix of ['', '-wal', '-shm']) fs.rmSync(`${draft}${suffix}`, { force: true });
  fs.copyFileSync(path.join(source, 'registry.db'), draft);
  const elsewhere = home.root !== manifest.home;
  const db = openWhole(draft);
  let unfinished: Unfinished[];
  let known: Set<string>;
  try {
    unfinished = db
      .prepare<[], Unfinished>('SELECT run_id, attempt, state FROM runs WHERE finished_at IS NULL')
      .all();
    known = new Set(db.prepare<[], string>('SELECT run_id FROM runs').pluck().all());
    adapt(db, home, manifest, unfinished.length > 0);
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    db.close();
  }
  const before = new Set(fs.readdirSync(home.runs));
  let done = 0;
  for (const runId of known) {
    done += 1;
    options.progress?.(`run ${done} of ${known.size}`);
    await placeRun(home, source, runId);
  }
  await copyTree(path.join(source, 'inputs'), home.inputs);
  if (manifest.artifacts) await copyTree(path.join(source, 'artifacts'), home.artifacts);
  placeSecrets(home, source, elsewhere);
  for (const run of unfinished) {
    // What is this home's own is taken up as after any crash.
    if (run.state === 'queued' || before.has(run.run_id)) continue;
    const dir = attemptDir(home.root, run.run_id, run.attempt);
    if (elsewhere || !isOurs(dir)) loosen(dir);
  }
  const set_aside = exchange(home, draft, manifest.at);
  const unknown = [...before].filter((name) => !name.startsWith('.') && !known.has(name)).length;
  return { ...manifest, set_aside, drained: unfinished.length > 0, unknown };
}

/** Throws registry_from_future and registry_corrupt; brings the copy to this version's schema. */
function openWhole(file: string): Db {
  const db = openDatabase(file);
  const [found] = db.pragma('quick_check(1)') as { quick_check: string }[];
  if (found?.quick_check === 'ok') return db;
  db.close();
  throw registryError(
    Object.assign(new Error(found?.quick_check), { code: 'SQLITE_CORRUPT' }),
    'the registry in the backup cannot be read',
  );
}

/** Paths of the place where it is now; and the yard is drained if anything could start by itself. */
function adapt(db: Db, home: Home, manifest: BackupManifest, waits: boolean): void {
  const there = fs.existsSync(home.artifacts) && fs.readdirSync(home.artifacts).length > 0;
  if (!manifest.artifacts && !there) db.exec('UPDATE runs SET artifact_manifest = NULL');
  db.prepare(
    `UPDATE runs SET artifact_manifest = ? || substr(artifact_manifest, ?)
      WHERE substr(artifact_manifest, 1, ?) = ?`,
  ).run(home.root, manifest.home.length + 1, manifest.home.length + 1, `${manifest.home}/`);
  if (!waits) return;
  const reason = `restored from the backup of ${manifest.at}: what waited then may have run since`;
  db.prepare(
    `INSERT OR REPLACE INTO shut (target, kind, user, reason, at)
      VALUES ('yard', 'drained', 'runyard', ?, ?)`,
  ).run(reason, new Date().toISOString());
}

/** Under another name first: half a directory must not pass for a whole one. */
async function placeRun(home: Home, source: string, runId: string): Promise<void> {
  const from = path.join(source, 'runs', runId);
  const to = path.join(home.runs, runId);
  if (!fs.existsSync(from) || fs.existsSync(to)) return;
  const draft = path.join(home.runs, `.restoring-${runId}`);
  fs.rmSync(draft, { recursive: true, force: true });
  await copyTree(from, draft);
  fs.renameSync(draft, to);
}

function placeSecrets(home: Home, source: string, elsewhere: boolean): void {
  for (const name of keptFiles) {
    const [from, to] = [path.join(source, name), path.join(home.root, name)];
    if (!fs.existsSync(from) || fs.existsSync(to)) continue;
    // Whose the streams of a shared nats-server are: two that both say so would destroy each other's.
    if (name === 'bus/owner' && elsewhere) continue;
    fs.copyFileSync(from, to);
    fs.chmodSync(to, 0o600);
  }
}

/** Whether the processes of an attempt, of a state directory of the same name, live on this machine now. */
function isOurs(dir: string): boolean {
  const claim = readClaim(dir);
  if (claim !== null && isAlive(claim)) return true;
  const verdict = judge(dir);
  return verdict.kind === 'started' && verdict.trainerAlive;
}

function exchange(home: Home, draft: string, at: string): string {
  const old = `${home.registry}.before-${at.replaceAll(/[^0-9TZ]/g, '')}-${Date.now()}`;
  let aside = '';
  for (const suffix of ['', '-wal', '-shm']) {
    if (!fs.existsSync(`${home.registry}${suffix}`)) continue;
    fs.renameSync(`${home.registry}${suffix}`, `${old}${suffix}`);
    aside = old;
  }
  fs.renameSync(draft, home.registry);
  const dir = fs.openSync(home.root, 'r');
  fs.fsyncSync(dir);
  fs.closeSync(dir);
  return aside;
}
