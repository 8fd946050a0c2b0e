/** The registry on a real file of its own, whose daemon, disk and power may fail at any write. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { type Db, openDatabase } from '../../src/persistence/index.ts';
import type { Life } from './schedule.ts';
import type { Stage } from './stage.ts';

export type Registry = {
  /** Opens it for a daemon's life. The raw one is for the checker: it sees what is committed. */
  open(life: Life): { db: Db; raw: Db; file: string };
  /** fdatasync of its log. */
  disk(life: Life): { sync(): Promise<void>; syncNow(): void };
  /** The process ended; with `powerLoss`, what was not synced is gone or torn. */
  crashed(powerLoss: boolean): void;
  /** So many of the next writes fail, beginning after some that succeed. */
  failWrites(skip: number, count: number): void;
  walBytes(): number;
  /** Grows with each commit: nothing is new while it stays. */
  commits(): number;
  close(): void;
};

/** How far the log is on the disk; another salt is another log in the same file. */
type Mark = { salt: string; frames: number };

const headerBytes = 32;
const frameBytes = 24 + 4096;

/** A private directory for the files of all worlds of this process, in memory where there is such a place. */
export function scratch(): { dir: string; remove: () => void } {
  const base = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  const dir = fs.mkdtempSync(path.join(base, 'runyard-sim-'));
  return { dir, remove: () => fs.rmSync(dir, { recursive: true, force: true }) };
}

/** An empty registry to copy: migrating anew for each world would cost more than the world. */
export function template(dir: string): string {
  const file = path.join(dir, 'template.db');
  openDatabase(file).close();
  return file;
}

export function createRegistry(stage: Stage, dir: string, empty: string): Registry {
  const { schedule, random, faults, trace } = stage;
  let opened = 0;
  let commits = 0;
  let file = path.join(dir, `w${process.pid}.0.db`);
  let raw: Db | null = null;
  let log: number | null = null;
  let frames: ReturnType<Db['prepare']> | null = null;
  let synced: Mark | null = { salt: '', frames: 0 };
  let failing = { skip: 0, count: 0 };
  fs.copyFileSync(empty, file);

  /** Of the log as it is now. */
  const mark = (): Mark => {
    if (raw === null) return { salt: '', frames: 0 };
    const fd = logOf();
    const header = Buffer.alloc(headerBytes);
    if (fs.readSync(fd, header, 0, headerBytes, 0) < headerBytes) return { salt: '', frames: 0 };
    frames ??= raw.prepare('PRAGMA wal_checkpoint(NOOP)');
    const { log: count } = frames.get([]) as { log: number };
    return { salt: header.toString('latin1', 16, 24), frames: Math.max(0, count) };
  };
  const logOf = (): number => {
    log ??= fs.openSync(`${file}-wal`, 'r');
    return log;
  };
  const letGo = (): void => {
    if (log !== null) fs.closeSync(log);
    log = null;
    frames = null;
    raw?.close();
    raw = null;
  };
  const failsNow = (): boolean => {
    if (faults.healed() || failing.count === 0) return false;
    if (failing.skip > 0) {
      failing.skip -= 1;
      return false;
    }
    failing.count -= 1;
    faults.strike('write.fails', null);
    trace.note('a write fails');
    return true;
  };
  const refusal = (): Error =>
    random.chance(0.5)
      ? new Database.SqliteError('database or disk is full', 'SQLITE_FULL')
      : new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_WRITE');

  /** The same database, at whose writes the daemon dies or the disk fails. */
  const guarded = (db: Db, life: Life): Db => {
    let inside = false;
    const commit = <T>(act: () => T): T => {
      faults.point(life, 'before a commit');
      inside = true;
      let result: T;
      try {
        result = act();
      } finally {
        inside = false;
        commits += 1;
      }
      faults.point(life, 'after a commit');
      return result;
    };
    const alive = (): void => {
      if (life.dead) faults.point(life, 'dead');
    };
    return {
      prepare(sql: string) {
        const statement = db.prepare(sql);
        return {
          run: (...values: unknown[]) => {
            if (inside) {
              faults.point(life, 'within a transaction');
              return statement.run(...values);
            }
            return commit(() => {
              if (failsNow()) throw refusal();
              return statement.run(...values);
            });
          },
          get: (...values: unknown[]) => {
            alive();
            const row = statement.get(...values);
            // A checkpoint syncs the log before it moves anything.
            if (sql.includes('wal_checkpoint(PASSIVE)')) synced = mark();
            return row;
          },
          all: (...values: unknown[]) => {
            alive();
            return statement.all(...values);
          },
        };
      },
      transaction: (act: (...values: never[]) => unknown) => {
        const whole = db.transaction((...values: never[]) => {
          const result = act(...values);
          if (failsNow()) throw refusal();
          return result;
        });
        return (...values: never[]) => commit(() => whole(...values));
      },
      pragma(source: string, options?: Database.PragmaOptions) {
        alive();
        return db.pragma(source, options);
      },
      close: () => undefined,
    } as unknown as Db;
  };

  /** Cuts the copy of the log somewhere between what was synced and what was written. */
  const tear = (copy: string): void => {
    const now = mark();
    const safe = synced?.salt === now.salt ? synced.frames : 0;
    if (now.frames <= safe) return;
    const least = safe === 0 ? 0 : headerBytes + safe * frameBytes;
    const most = headerBytes + now.frames * frameBytes;
    const whole = safe + random.int(now.frames - safe + 1);
    const cut = random.chance(0.5)
      ? random.between(least, most)
      : whole === 0
        ? 0
        : headerBytes + whole * frameBytes;
    trace.note(`power loss: ${now.frames} frames, ${safe} synced, cut at byte ${cut} of ${most}`);
    fs.truncateSync(copy, cut);
  };

  const remove = (which: string): void => {
    for (const ending of ['', '-wal', '-shm']) fs.rmSync(which + ending, { force: true });
  };

  return {
    open(life) {
      raw ??= openDatabase(file);
      // What survived a loss of power is on the disk.
      if (synced === null) synced = mark();
      return { db: guarded(raw, life), raw, file };
    },
    disk: (life) => ({
      syncNow() {
        faults.point(life, 'before the first sync');
        synced = mark();
      },
      sync() {
        const before = mark();
        return new Promise<void>((resolve, reject) => {
          const slow = random.chance(0.15) ? 900 : 4;
          schedule.after(random.next() * slow, life, () => {
            if (faults.chance('sync.fails', 0.03, null)) {
              const code = random.pick(['EIO', 'ENOSPC']);
              reject(Object.assign(new Error(code), { code }));
              return;
            }
            faults.point(life, 'before a sync');
            synced = before;
            resolve();
          });
        });
      },
    }),
    crashed(powerLoss) {
      if (raw === null) return;
      opened += 1;
      const copy = path.join(dir, `w${process.pid}.${opened}.db`);
      remove(copy);
      fs.copyFileSync(file, copy);
      fs.copyFileSync(`${file}-wal`, `${copy}-wal`);
      if (powerLoss) tear(`${copy}-wal`);
      letGo();
      remove(file);
      file = copy;
      if (powerLoss) synced = null;
    },
    failWrites(skip, count) {
      failing = { skip, count };
    },
    walBytes: () => (raw === null ? 0 : fs.statSync(`${file}-wal`).size),
    commits: () => commits,
    close() {
      letGo();
      remove(file);
    },
  };
}
