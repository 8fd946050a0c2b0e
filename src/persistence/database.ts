/**
 * Opens the registry's database: safe SQLite version, WAL, migrations; and makes commits durable.
 */
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { errnoOf, RunyardError } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import { runFiles } from '../rundir/index.ts';
import { migrations } from './migrations.ts';

export type Db = Database.Database;

/** First SQLite release without the WAL-reset corruption of 3.7.0 to 3.51.2. */
const safeVersion = [3, 51, 3] as const;
/** Size that the WAL keeps at rest: rewriting blocks is cheaper than allocating them again. */
const walKeptBytes = 16 * 2 ** 20;
const fdatasync = promisify(fs.fdatasync);

/** Opens and migrates. Throws sqlite_unsafe, registry_from_future, registry_unavailable. */
export function openDatabase(file: string): Db {
  let db: Db;
  try {
    db = new Database(file);
    // The registry holds configurations of other people's jobs: private whatever the umask was.
    fs.chmodSync(file, 0o600);
    refuseUnsafe(db);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    // Checkpoints are ours: by schedule, size and after terminations, never inside a commit.
    db.pragma('wal_autocheckpoint = 0');
    // What a burst or a long reader left behind is cut when the WAL begins anew.
    db.pragma(`journal_size_limit = ${walKeptBytes}`);
    migrate(db);
  } catch (cause) {
    throw registryError(cause, `the registry ${file} could not be opened`);
  }
  return db;
}

/** What SQLite said of the registry, with the way out. Other errors are given back as they are. */
export function registryError(cause: unknown, attempted: string): unknown {
  if (!(cause instanceof Error) || cause instanceof RunyardError) return cause;
  const { code = '' } = cause as { code?: string };
  if (!code.startsWith('SQLITE_')) return cause;
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return new RunyardError(
      'registry_corrupt',
      `${attempted}: it is damaged; remake it from the run directories: runyard up --rebuild-registry`,
      { cause },
    );
  }
  return new RunyardError('registry_unavailable', attempted, { cause });
}

/** Throws registry_lost when there are runs and no registry: an empty one would know none of them. */
export function refuseLostRegistry(file: string, runs: string): void {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (stat !== undefined && stat.size > 0) return;
  const orphaned = fs
    .readdirSync(runs)
    .filter((name) => fs.existsSync(path.join(runs, name, runFiles.config)));
  if (orphaned.length === 0) return;
  throw new RunyardError(
    'registry_lost',
    `the registry ${file} is gone, and the directories of ${orphaned.length} runs are there; ` +
      'remake it from them: runyard up --rebuild-registry',
  );
}

function refuseUnsafe(db: Db): void {
  const version = String(db.prepare('SELECT sqlite_version()').pluck().get());
  const parts = version.split('.').map(Number);
  for (const [index, least] of safeVersion.entries()) {
    const part = parts[index] ?? 0;
    if (part > least) return;
    if (part < least) {
      throw new RunyardError(
        'sqlite_unsafe',
        `SQLite ${version} can corrupt a WAL database; ${safeVersion.join('.')} or later is needed`,
      );
    }
  }
}

function migrate(db: Db): void {
  const applied = Number(db.pragma('user_version', { simple: true }));
  if (applied > migrations.length) {
    throw new RunyardError(
      'registry_from_future',
      `the registry is of schema ${applied}, this version knows ${migrations.length}: upgrade Runyard`,
    );
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < applied) continue;
    db.transaction(() => {
      db.exec(sql);
      db.pragma(`user_version = ${index + 1}`);
    })();
  }
}

export type Syncer = {
  /** Resolves when everything committed before the call is on the disk. */
  synced(): Promise<void>;
  close(): void;
};

/** How files are synced; a simulation has other ways. */
export type SyncingDisk = {
  syncNow(fd: number): void;
  sync(fd: number): Promise<void>;
  later(act: () => void): void;
};

/**
 * Group commit for `synchronous = NORMAL`: one fdatasync of the WAL at a time, off the event loop, for
 * all that wait. Power loss takes back nothing that waited for it.
 */
export function createSyncer(
  file: string,
  disk: SyncingDisk = { syncNow: fs.fdatasyncSync, sync: fdatasync, later: setImmediate },
): Syncer {
  const fd = fs.openSync(`${file}-wal`, 'r+');
  // What a killed daemon had committed may not be there yet, and from now on it is shown and published.
  disk.syncNow(fd);
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  const sync = async (): Promise<void> => {
    try {
      failpoint('sync.before');
      await disk.sync(fd);
      failpoint('sync.after');
    } catch (cause) {
      const full = errnoOf(cause) === 'ENOSPC';
      throw new RunyardError(
        full ? 'disk_full' : 'registry_unavailable',
        'the registry could not be synced to disk',
        { cause },
      );
    }
  };
  return {
    synced() {
      if (next !== null) return next;
      const begin = (): Promise<void> => {
        next = null;
        running = sync().finally(() => {
          if (next === null) running = null;
        });
        return running;
      };
      if (running === null) {
        // One turn of the loop is given, so that commits of the same turn share the sync.
        next = new Promise((resolve, reject) => disk.later(() => begin().then(resolve, reject)));
      } else {
        next = running.catch(() => undefined).then(begin);
      }
      return next;
    },
    close: () => fs.closeSync(fd),
  };
}
