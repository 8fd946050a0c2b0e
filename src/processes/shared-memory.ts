/**
 * Shared-memory segments that a killed run leaves in /dev/shm: what libraries make under names of their
 * own for one program's processes, and can no longer remove. Only what a process of the run was seen to
 * have mapped, under such a name, of our user, and held by nobody any more is removed; a neighbour's never is.
 */
import fs from 'node:fs';
import path from 'node:path';

export type Segments = {
  /** Notes what these processes have mapped. To be asked while they live. */
  note(pids: readonly number[]): void;
  /** Removes what of it nobody holds. Returns the names. */
  remove(): string[];
};

const place = '/dev/shm';

/** Python's multiprocessing and joblib, PyTorch, OpenMP, NCCL: made for the processes of one program. */
const transient = [
  /^psm_[0-9a-f]+$/,
  /^sem\.mp-\w+$/,
  /^pym-\d+-\w+$/,
  /^sem\.loky-\d+-\w+$/,
  /^torch_\d+_\d+(_\d+)?$/,
  /^__KMP_REGISTERED_LIB_\d+_\d+$/,
  /^nccl-\w+$/,
  /^cuda\.shm\.\w+(\.\w+)*$/,
];

export function createSegments(): Segments {
  /** Name and inode: a segment of the same name that was made later is another one. */
  const seen = new Map<string, string>();
  return {
    note(pids) {
      for (const pid of pids)
        for (const { name, inode } of mapped(pid)) if (isTransient(name)) seen.set(name, inode);
    },
    remove() {
      const left = [...seen].filter(([name, inode]) => isOurs(name, inode));
      seen.clear();
      if (left.length === 0) return [];
      const held = heldInodes();
      const abandoned = left.filter(([, inode]) => !held.has(inode)).map(([name]) => name);
      for (const name of abandoned) fs.rmSync(path.join(place, name), { force: true });
      return abandoned;
    },
  };
}

const isTransient = (name: string): boolean => transient.some((pattern) => pattern.test(name));

function isOurs(name: string, inode: string): boolean {
  const stat = fs.lstatSync(path.join(place, name), { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.uid === process.getuid?.() && String(stat.ino) === inode;
}

/** Files below /dev/shm that a process has in its memory. */
function mapped(pid: number): { name: string; inode: string }[] {
  // address perms offset dev inode pathname; one that was removed ends in ` (deleted)`.
  const lines = read(`/proc/${pid}/maps`).matchAll(
    /^\S+ \S+ \S+ \S+ (\d+)\s+\/dev\/shm\/([^\n/]+)$/gm,
  );
  return [...lines].map(([, inode = '', name = '']) => ({ name, inode }));
}

/** Inodes of /dev/shm that any process has mapped or open. */
function heldInodes(): Set<string> {
  const held = new Set<string>();
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const { inode } of mapped(Number(pid))) held.add(inode);
    for (const inode of opened(pid)) held.add(inode);
  }
  return held;
}

function opened(pid: string): string[] {
  const dir = `/proc/${pid}/fd`;
  try {
    return fs.readdirSync(dir).flatMap((fd) => {
      const file = path.join(dir, fd);
      try {
        return fs.readlinkSync(file).startsWith(`${place}/`) ? [String(fs.statSync(file).ino)] : [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
