/**
 * bind-or-die: one daemon a home. The lock is an exclusive SQLite transaction held for life: the kernel
 * drops it with the process, however that ends, so it is never stale.
 */
import fs from 'node:fs';
import Database from 'better-sqlite3';

export type DaemonLock = { release(): void };

/** The lock, or null when another process holds it. */
export function takeDaemonLock(file: string): DaemonLock | null {
  const db = new Database(file, { timeout: 0 });
  try {
    fs.chmodSync(file, 0o600);
    db.pragma('journal_mode = DELETE');
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY')) {
      return null;
    }
    throw error;
  }
  return {
    release() {
      db.exec('ROLLBACK');
      db.close();
    },
  };
}
