/** Writing and judging the files of an attempt. */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, RunyardError } from '../errors.ts';
import { bootId, type Identity, isAlive } from './identity.ts';
import { attemptFiles } from './paths.ts';
import {
  type Claim,
  type ExitRecord,
  readClaim,
  readExit,
  readStart,
  type Start,
} from './records.ts';

let temporary = 0;

/**
 * Writes a file so that it is seen whole or not at all; with `sync`, so that it also survives a power
 * loss. Throws `disk_full`, or `home_unusable` for any other refusal of the file system.
 */
export function writeAtomic(
  file: string,
  data: string | Buffer,
  options: { mode: number; sync?: boolean },
): void {
  temporary += 1;
  const draft = `${file}.${process.pid}.${temporary}.tmp`;
  try {
    fs.writeFileSync(draft, data, { mode: options.mode, flush: options.sync === true });
    fs.renameSync(draft, file);
    if (options.sync === true) syncDirectory(path.dirname(file));
  } catch (cause) {
    fs.rmSync(draft, { force: true });
    throw unwritable(file, cause);
  }
}

/** A private directory with those above it. Throws as `writeAtomic` does. */
export function makeDirectory(dir: string): void {
  try {
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unwritable(dir, cause);
  }
}

function unwritable(file: string, cause: unknown): RunyardError {
  const full = ['ENOSPC', 'EDQUOT'].includes(errnoOf(cause) ?? '');
  return new RunyardError(full ? 'disk_full' : 'home_unusable', `${file} cannot be written`, {
    cause,
  });
}

/** What an attempt's directory says now. `otherBoot`: the machine was restarted since the claim. */
export type Verdict =
  | { kind: 'unclaimed' }
  | { kind: 'claimed'; recorderAlive: boolean; otherBoot: boolean }
  | { kind: 'voided' }
  /** `trainer` is null between the fork and its being written down, or for ever when that was cut. */
  | {
      kind: 'started';
      trainer: Identity | null;
      trainerAlive: boolean;
      recorderAlive: boolean;
      otherBoot: boolean;
    }
  | { kind: 'exited'; trainer: Identity | null; record: ExitRecord };

/** Where a verdict comes from: the disk and the kernel, or a simulation of both. */
export type Records = {
  readClaim(dir: string): Claim | null;
  readExit(dir: string): ExitRecord | null;
  readStart(dir: string): Start | null;
  isAlive(identity: Identity): boolean;
  bootId(): string;
};

const onDisk: Records = { readClaim, readExit, readStart, isAlive, bootId };

/** Throws `rundir_corrupt` when a file that is only ever seen whole does not say what it must. */
export function judge(dir: string, records: Records = onDisk): Verdict {
  const { readClaim, readExit, readStart, isAlive, bootId } = records;
  // In this order: what a recorder that is found dead has left behind is read after its death, so that
  // an exit that it wrote just before is never overlooked; and `start` is complete once `exit` is there.
  const claim = readClaim(dir);
  const recorderAlive = claim !== null && isAlive(claim);
  const record = readExit(dir);
  const start = readStart(dir);
  // A claim always comes before its start: it was made between the two looks, so look again. Taken as
  // it stands, a recorder that has just begun would count as dead.
  if (claim === null && start?.voided === false && readClaim(dir) !== null)
    return judge(dir, records);
  const trainer = start === null || start.voided ? null : identityIn(start, claim);
  if (record !== null) return { kind: 'exited', trainer, record };
  if (start?.voided) return { kind: 'voided' };
  const otherBoot = claim !== null && claim.boot_id !== bootId();
  if (start !== null) {
    const trainerAlive = trainer !== null && isAlive(trainer);
    return { kind: 'started', trainer, trainerAlive, recorderAlive, otherBoot };
  }
  return claim === null ? { kind: 'unclaimed' } : { kind: 'claimed', recorderAlive, otherBoot };
}

/**
 * Whether an attempt surely never had a trainer: it is void, or its recorder refused to start one. An exit
 * without a start says nothing: its directory may have been removed and made anew while it ran.
 */
export function neverRan(dir: string, records: Records = onDisk): boolean {
  try {
    const verdict = judge(dir, records);
    if (verdict.kind === 'exited') return refusals.includes(verdict.record.kind);
    return verdict.kind === 'voided';
  } catch {
    return false;
  }
}

const refusals: readonly ExitRecord['kind'][] = ['noexec', 'notstarted'];

/**
 * Makes sure that an attempt never starts, if it has not: an exclusive link, so that recorder and voider
 * cannot both succeed. `voided` also when somebody did it before. Throws as `writeAtomic` does.
 */
export function voidStart(dir: string): 'voided' | 'started' {
  makeDirectory(dir);
  temporary += 1;
  const draft = path.join(dir, `.void.${process.pid}.${temporary}`);
  try {
    fs.writeFileSync(draft, 'void\n', { mode: 0o600 });
    fs.linkSync(draft, path.join(dir, attemptFiles.start));
    return 'voided';
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw unwritable(draft, error);
    return readStart(dir)?.voided === true ? 'voided' : 'started';
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

type Started = Extract<ReturnType<typeof readStart>, { voided: false }>;

function identityIn(start: Started, claim: Claim | null): Identity | null {
  const boot_id = start.boot_id ?? claim?.boot_id;
  // Without a boot the pid identifies nothing.
  if (start.fork === null || boot_id === undefined) return null;
  return { boot_id, ...start.fork };
}

function syncDirectory(dir: string): void {
  const fd = fs.openSync(dir, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
