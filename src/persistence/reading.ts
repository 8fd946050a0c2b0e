/** Looking into a registry without touching it: nothing in the state directory is created or changed. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { RunyardError } from '../errors.ts';
import { type Db, openDatabase, registryError } from './database.ts';

export type RegistryCopy = { db: Db; close(): void };

/** A copy taken while a daemon began to write would be torn: then it is taken again, so many times. */
const copiesMost = 5;

/**
 * While a daemon has it open, the registry is read where it is, as any second reader would. With none,
 * even a reader would have to make the log's index and might have to recover it: so that a private copy is
 * read, which is also brought to this version's schema. Throws `registry_lost`, `registry_corrupt`,
 * `registry_from_future`, `registry_unavailable`.
 */
export function readRegistry(file: string, isOpen: () => boolean): RegistryCopy {
  if (!fs.existsSync(file)) throw new RunyardError('registry_lost', `there is no registry ${file}`);
  const attempted = `the registry ${file} could not be read`;
  try {
    if (isOpen() && fs.existsSync(`${file}-shm`)) {
      const db = new Database(file, { readonly: true, fileMustExist: true });
      db.prepare('SELECT count(*) FROM runs').get();
      return { db, close: () => db.close() };
    }
    return copyOf(file);
  } catch (cause) {
    throw registryError(cause, attempted);
  }
}

function copyOf(file: string): RegistryCopy {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-offline-'));
  const remove = (): void => fs.rmSync(dir, { recursive: true, force: true });
  try {
    const copy = path.join(dir, 'registry.db');
    takeCopy(file, copy);
    const db = openDatabase(copy);
    return {
      db,
      close() {
        db.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The log before the database: a checkpoint in between takes nothing away from the pair. */
function takeCopy(file: string, copy: string): void {
  for (let taken = 1; ; taken += 1) {
    const before = state(file);
    for (const suffix of ['-wal', '']) {
      fs.rmSync(`${copy}${suffix}`, { force: true });
      if (!fs.existsSync(`${file}${suffix}`)) continue;
      fs.copyFileSync(`${file}${suffix}`, `${copy}${suffix}`, fs.constants.COPYFILE_FICLONE);
    }
    if (state(file) === before) return;
    if (taken === copiesMost) {
      throw new RunyardError('registry_unavailable', `${file} is being written; ask its daemon`);
    }
  }
}

function state(file: string): string {
  return ['', '-wal']
    .map((suffix) => fs.statSync(`${file}${suffix}`, { throwIfNoEntry: false }))
    .map((stat) => (stat === undefined ? '' : `${stat.ino}/${stat.size}/${stat.mtimeMs}`))
    .join(' ');
}
