/** What is known of an attempt's job, in the attempt's directory: written before what it tells of can have happened. */
import fs from 'node:fs';
import path from 'node:path';
import { attemptFiles, writeAtomic } from '../../rundir/index.ts';
import type { JobClaim } from './parcel.ts';

export type JobFile = {
  readonly v: 1;
  /** Unique for each sbatch: by it a job is found whose number was never heard. */
  readonly name: string;
  /** Its task in the array; null: it is no array. */
  readonly task: number | null;
  /** `17` or `17_3`; null until Slurm has answered. */
  readonly job: string | null;
  /** The start of it that has the attempt; null until one says so. */
  readonly claim: JobClaim | null;
  /** We have had Slurm end it, because its worker said nothing for too long. */
  readonly gave_up?: boolean;
};

export function readJob(dir: string): JobFile | null {
  try {
    return JSON.parse(fs.readFileSync(path.join(dir, attemptFiles.job), 'utf8')) as JobFile;
  } catch {
    return null;
  }
}

/** Throws as `writeAtomic` does. */
export function writeJob(dir: string, file: JobFile): void {
  writeAtomic(path.join(dir, attemptFiles.job), JSON.stringify(file), { mode: 0o600, sync: true });
}

export type JobRecord = {
  /** Null: nothing was ever handed over. */
  file(): JobFile | null;
  /** Throws as `writeAtomic` does. */
  write(file: JobFile): void;
  /** What somebody else has written meanwhile counts. */
  reread(): JobFile | null;
};

export function createJobRecord(dir: string): JobRecord {
  let known = readJob(dir);
  return {
    file: () => known,
    write(file) {
      writeJob(dir, file);
      known = file;
    },
    reread() {
      known = readJob(dir);
      return known;
    },
  };
}
