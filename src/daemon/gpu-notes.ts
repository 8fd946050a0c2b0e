/**
 * Who holds the GPUs that other yards of this machine hold: the kernel says which account has a lock, and a note
 * beside the locks, which each yard writes about its own, says which run (decision 87). Notes only ever name: what
 * is given out, and when, is decided by the locks alone.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { accountName } from '../inventory/index.ts';
import { excludeEachOther, gpuOfSlot } from '../slots.ts';

type Lease = { readonly slot: string; readonly run_id: string; readonly since: string };
/** A line of a note; `uid` is the owner of its file, which nobody can make up. */
type Noted = Lease & { readonly uid: number };

export const unnamedText = 'another yard of this machine';

const noteName = /^held\.\d+\.[0-9a-f]{8}\.json$/;
const noteMaxBytes = 64 * 1024;
const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** Says to other accounts what this yard holds; `own` is a path that only this yard has. Where it fails, nobody is named. */
export function writeNote(dir: string, own: string, leases: readonly Lease[]): void {
  const yard = crypto.createHash('sha256').update(own).digest('hex').slice(0, 8);
  const file = path.join(dir, `held.${process.getuid?.() ?? 0}.${yard}.json`);
  const draft = `${file}.tmp`;
  const text = JSON.stringify(leases.map(({ slot, run_id, since }) => ({ slot, run_id, since })));
  try {
    if (leases.length === 0) {
      fs.rmSync(file, { force: true });
      return;
    }
    fs.rmSync(draft, { force: true });
    // What somebody else put in its place is not written into.
    const fd = fs.openSync(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    try {
      fs.writeFileSync(fd, text);
      // Whatever our umask is.
      fs.fchmodSync(fd, 0o644);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(draft, file);
  } catch {
    // The name is taken by another account, or the disk is full.
  }
}

/**
 * GPUs that others than we hold, each with who does, in words such as `run k3f9aaaa of ben`. `ours`: slots that
 * this yard leases. `found`: slots that are surely held, whether or not the kernel shows by whom.
 */
export function heldByOthers(
  dir: string,
  ours: readonly string[],
  found: readonly string[] = [],
): Map<string, string> {
  const lockers = lockersIn(dir);
  const slots = new Set([...lockers.keys(), ...found].filter((slot) => !ours.includes(slot)));
  const texts = new Map<string, string>();
  if (slots.size === 0) return texts;
  const notes = readNotes(dir);
  for (const slot of [...slots].sort()) {
    const gpu = gpuOfSlot(slot);
    const uid = lockers.get(slot);
    // Found held because another slot of the same GPU is: that one is named.
    if (uid === undefined && [...lockers.keys()].some((other) => gpuOfSlot(other) === gpu))
      continue;
    const claims = notes.filter((note) =>
      uid === undefined ? excludeEachOther(note.slot, slot) : note.slot === slot,
    );
    const text = holderText(uid ?? null, claims);
    const before = texts.get(gpu);
    texts.set(gpu, before === undefined || before === text ? text : `${before}, ${text}`);
  }
  return texts;
}

/** `uid`: of the process that took the lock; null: gone, hidden, or not shown. */
function holderText(uid: number | null, claims: readonly Noted[]): string {
  const newest = claims
    .filter((note) => uid === null || note.uid === uid)
    .sort((a, b) => b.since.localeCompare(a.since))[0];
  if (newest !== undefined) return `run ${newest.run_id} of ${accountName(newest.uid)}`;
  return uid === null ? unnamedText : `${accountName(uid)}, in ${unnamedText}`;
}

/** Slots whose locks are held for one alone, as the kernel lists them, with the account of who took them. */
function lockersIn(dir: string): Map<string, number | null> {
  const found = new Map<string, number | null>();
  try {
    const takers = new Map<string, number>();
    // `12: FLOCK  ADVISORY  WRITE 4711 00:1b:1234 0 EOF`: device in hexadecimal, then the inode.
    const line = /FLOCK +\S+ +WRITE +(-?\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) /g;
    for (const [, pid, major, minor, inode] of fs
      .readFileSync('/proc/locks', 'utf8')
      .matchAll(line))
      takers.set(keyOf(Number(`0x${major}`), Number(`0x${minor}`), Number(inode)), Number(pid));
    if (takers.size === 0) return found;
    for (const name of fs.readdirSync(dir)) {
      if (!name.endsWith('.lock')) continue;
      const { dev, ino } = fs.lstatSync(path.join(dir, name));
      const major = (dev >>> 8) & 0xfff;
      const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
      const pid = takers.get(keyOf(major, minor, ino));
      if (pid !== undefined) found.set(name.slice(0, -'.lock'.length), uidOf(pid));
    }
  } catch {
    // A system without this list, or a lock that was removed meanwhile: who holds it is not named.
  }
  return found;
}

function keyOf(major: number, minor: number, inode: number): string {
  return `${major}:${minor}:${inode}`;
}

function uidOf(pid: number): number | null {
  return fs.statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? null;
}

function readNotes(dir: string): Noted[] {
  return fs
    .readdirSync(dir)
    .filter((name) => noteName.test(name))
    .flatMap((name) => {
      try {
        return readNote(path.join(dir, name));
      } catch {
        // Removed meanwhile, or nothing that we wrote.
        return [];
      }
    });
}

/** Anybody may have put it there: no link is followed, nothing large is read, and nothing odd is shown. */
function readNote(file: string): Noted[] {
  const fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile() || stat.size > noteMaxBytes) return [];
    const lines = JSON.parse(fs.readFileSync(fd, 'utf8')) as Partial<Lease>[];
    return lines.flatMap(({ slot, run_id, since }) => {
      const isSound =
        typeof slot === 'string' &&
        typeof since === 'string' &&
        typeof run_id === 'string' &&
        /^[\w-]{1,64}$/.test(run_id);
      return isSound ? [{ slot, run_id, since, uid: stat.uid }] : [];
    });
  } finally {
    fs.closeSync(fd);
  }
}
