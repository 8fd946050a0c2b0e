/** Files that processes hold open for writing: by them it is told whose a file is. */
import fs from 'node:fs';
import path from 'node:path';
import { livePids } from './marked.ts';

/**
 * A process and all that descend from it. Orphans of a trainer come to its recorder, so that of a live
 * recorder these are all processes of the attempt, whatever they did to their session or environment.
 */
export function descendantsOf(pid: number): number[] {
  const found = new Set<number>();
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    waiting.push(...childrenOf(next));
  }
  return [...found];
}

/** Regular files that these processes hold open for writing, as far as we may look and `wanted` says so. */
export function writtenFiles(
  pids: readonly number[],
  wanted: (file: string) => boolean,
): Set<string> {
  const files = new Set<string>();
  for (const pid of pids) {
    for (const fd of list(`/proc/${pid}/fd`)) {
      const file = link(`/proc/${pid}/fd/${fd}`);
      // Sockets and pipes have no path, and what was removed is of no use.
      if (!path.isAbsolute(file) || !wanted(file) || files.has(file)) continue;
      if (isForWriting(pid, fd)) files.add(file);
    }
  }
  return files;
}

/** The same as `dev:ino`, under whatever names. */
export function heldToWrite(pids: readonly number[]): Set<string> {
  const held = new Set<string>();
  for (const pid of pids) {
    for (const fd of list(`/proc/${pid}/fd`)) {
      if (!isForWriting(pid, fd)) continue;
      const stat = statOf(`/proc/${pid}/fd/${fd}`);
      if (stat?.isFile() === true) held.add(`${stat.dev}:${stat.ino}`);
    }
  }
  return held;
}

/** Whether any process that is not among `ours` holds one of the files open for writing; which. */
export function writtenByOthers(
  ours: ReadonlySet<number>,
  files: ReadonlySet<string>,
): Set<string> {
  const others = livePids().filter((pid) => !ours.has(pid));
  return writtenFiles(others, (file) => files.has(file));
}

/** Children belong to the thread that made them. */
function childrenOf(pid: number): number[] {
  return list(`/proc/${pid}/task`).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function isForWriting(pid: number, fd: string): boolean {
  const flags = /^flags:\s+([0-7]+)$/m.exec(read(`/proc/${pid}/fdinfo/${fd}`))?.[1];
  const { O_WRONLY, O_RDWR } = fs.constants;
  return flags !== undefined && (Number.parseInt(flags, 8) & (O_WRONLY | O_RDWR)) !== 0;
}

function list(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch {
    return [];
  }
}

function statOf(file: string): fs.BigIntStats | undefined {
  try {
    return fs.statSync(file, { bigint: true });
  } catch {
    return undefined;
  }
}

function link(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
