/** The readers of our own nats-server that were exported: what is kept of them, which is no password. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { RunyardError } from '../../errors.ts';
import { writeAtomic } from '../../rundir/index.ts';

export type KeptReader = {
  readonly name: string;
  readonly password_hash: string;
  /** Ids of the only runs that it may read; null: all of them. */
  readonly runs: readonly string[] | null;
  readonly created_at: string;
  /** RFC 3339; null: it does not end. */
  readonly expires_at: string | null;
};

/**
 * The lowest that bcrypt has: a password of 192 random bits cannot be guessed whatever a guess costs, and
 * the server computes the hash anew for every live reader whenever its configuration is read again.
 */
const bcryptCost = 4;

/** A password, shown once, and what is kept of it. */
export async function newPassword(): Promise<{ password: string; password_hash: string }> {
  const password = crypto.randomBytes(24).toString('hex');
  const { hash } = await import('bcryptjs');
  return { password, password_hash: await hash(password, bcryptCost) };
}

export type ReaderFile = { read(): KeptReader[]; write(readers: readonly KeptReader[]): void };

export function readerFile(dir: string): ReaderFile {
  const file = path.join(dir, 'readers.json');
  return {
    read() {
      if (!fs.existsSync(file)) return [];
      try {
        return (JSON.parse(fs.readFileSync(file, 'utf8')) as { readers: KeptReader[] }).readers;
      } catch (cause) {
        throw new RunyardError('bus_unavailable', `${file} cannot be read`, { cause });
      }
    },
    write: (readers) =>
      writeAtomic(file, JSON.stringify({ v: 1, readers }, null, 2), { mode: 0o600, sync: true }),
  };
}

/** Those whose time is not over. */
export function unexpired(readers: readonly KeptReader[], nowMs: number): KeptReader[] {
  return readers.filter(({ expires_at: at }) => at === null || Date.parse(at) > nowMs);
}
