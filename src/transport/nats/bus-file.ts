/**
 * Where an existing bus is, in a file: a worker reads it anew for each connection, on whatever machine it
 * is. It has secrets and is private to its owner.
 */
import fs from 'node:fs';
import { errnoOf } from '../../errors.ts';
import { writeAtomic } from '../../rundir/index.ts';
import type { BusAccess } from './access.ts';

export type BusFile = {
  readonly v: 1;
  readonly url: string;
  readonly access: BusAccess;
  /** Each run has a file of its own: this name, in the run's directory; null: this one is for all. */
  readonly run_file: string | null;
};

/** As it is read: the daemon's own server says where it is, and no more. */
export type AnyBusFile = Pick<BusFile, 'url'> & Partial<BusFile>;

/** What an earlier daemon wrote stays when it says the same. */
export function writeBusFile(file: string, about: BusFile): void {
  const text = JSON.stringify(about);
  if (textOf(file) === text) return;
  writeAtomic(file, text, { mode: 0o600 });
}

/** Null when it is not there (yet). */
export function readBusFile(file: string): AnyBusFile | null {
  const text = textOf(file);
  return text === null ? null : (JSON.parse(text) as AnyBusFile);
}

function textOf(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
