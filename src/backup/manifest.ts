/** What a backup says of itself, in `backup.json`: the last of its files to be written. */
import fs from 'node:fs';
import path from 'node:path';
import { RunyardError } from '../errors.ts';

export type BackupManifest = {
  v: 1;
  /** When the registry was read, RFC 3339 UTC. */
  at: string;
  /** Of Runyard, and of the registry's schema. */
  version: string;
  schema: number;
  yard: string;
  /** The state directory that was backed up, and where. */
  home: string;
  host: string;
  boot_id: string;
  runs: number;
  /** Of those, how many were not over. */
  unfinished: number;
  artifacts: boolean;
  bytes: number;
  /** Of registry.db, hex. */
  registry_sha256: string;
};

export const manifestFile = 'backup.json';

/** Throws backup_invalid. */
export function readManifest(dir: string): BackupManifest {
  const file = path.join(dir, manifestFile);
  let found: Partial<BackupManifest>;
  try {
    found = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<BackupManifest>;
  } catch (cause) {
    throw new RunyardError(
      'backup_invalid',
      `${dir} is no whole backup: ${manifestFile} is missing`,
      {
        cause,
      },
    );
  }
  if (found.v !== 1) {
    throw new RunyardError(
      'backup_invalid',
      `the backup is of format ${found.v}, this version knows 1: upgrade Runyard`,
    );
  }
  return found as BackupManifest;
}
