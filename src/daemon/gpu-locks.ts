/**
 * The kernel's guard of GPUs: a file for each, locked by whoever computes on it, in a directory that all yards
 * of the machine share (decision 51). GPUs that are made up are each yard's own, and so are their locks.
 */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, messageOf } from '../errors.ts';
import { gpuOfSlot, numberOfSlot } from '../slots.ts';
import { heldByOthers, writeNote } from './gpu-notes.ts';

export type GpuLocks = {
  readonly dir: string;
  /** Why the common directory cannot be used, so that yards of other accounts are not kept off; else null. */
  readonly trouble: string | null;
  /** What an attempt locks for itself: a GPU, or its numbered share of one. */
  exclusive(slots: readonly string[]): string[];
  /** What it locks together with others: the GPUs that it has a share of. */
  shared(slots: readonly string[]): string[];
  /** Files of which the lock is to be tried before these slots are leased, as the recorder takes them. */
  probes(slots: readonly string[]): string[];
  /** Says to yards of other accounts what this one holds. */
  note(leases: readonly { slot: string; run_id: string; since: string }[]): void;
  /** GPUs that other yards hold, and who does, in words; see `heldByOthers`. */
  others(ours: readonly string[], found?: readonly string[]): ReadonlyMap<string, string>;
};

/** Where such a directory may lie: everybody may write there, and nobody removes what is another's. */
const bases = ['/run/lock', '/tmp'];
const name = 'runyard-gpus';
const stickyForAll = 0o1777;

/** `wanted`: a directory that was named; empty: the usual one. `own`: where locks lie that are nobody else's. */
export function openGpuLocks(wanted: string, own: string, isCommon: boolean): GpuLocks {
  let dir = wanted !== '' ? wanted : isCommon ? commonDir() : own;
  let trouble: string | null = null;
  try {
    if (dir === own) fs.mkdirSync(own, { recursive: true, mode: 0o700 });
    else prepare(dir);
  } catch (error) {
    trouble = `the directory of GPU locks ${dir} cannot be used (${messageOf(error)}): yards of other accounts are not kept off these GPUs`;
    dir = own;
    fs.mkdirSync(own, { recursive: true, mode: 0o700 });
  }
  const file = (slot: string): string => path.join(dir, `${slot}.lock`);
  const shares = (slots: readonly string[]): string[] =>
    slots.filter((slot) => numberOfSlot(slot) !== null).map((slot) => file(gpuOfSlot(slot)));
  return {
    dir,
    trouble,
    exclusive: (slots) => slots.map(file),
    shared: shares,
    probes: (slots) => [...slots.map(file), ...shares(slots).map((each) => `shared:${each}`)],
    note(leases) {
      // Among locks of its own, nobody would read it.
      if (dir !== own) writeNote(dir, own, leases);
    },
    others: (ours, found) => (dir === own ? new Map() : heldByOthers(dir, ours, found)),
  };
}

function commonDir(): string {
  const base = bases.find((each) => {
    const stat = fs.statSync(each, { throwIfNoEntry: false });
    return stat?.isDirectory() === true && (stat.mode & stickyForAll) === stickyForAll;
  });
  return path.join(base ?? '/tmp', name);
}

/** Makes it for everybody, or sees that whoever made it did. A link in its place would be somebody's trick. */
function prepare(dir: string): void {
  try {
    fs.mkdirSync(dir);
    // Whatever our umask is.
    fs.chmodSync(dir, stickyForAll);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  if (!fs.lstatSync(dir).isDirectory()) throw new RangeError('it is no directory');
  fs.accessSync(dir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
}
