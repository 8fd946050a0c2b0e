/** A bounded look through a directory for files that may hold points. */
import fs from 'node:fs';
import path from 'node:path';
import { formatOf } from '../capture/index.ts';

export type Candidate = {
  file: string;
  id: string;
  size: number;
  modifiedMs: number;
  bornMs: number;
};

export type Search = {
  found: Candidate[];
  /** Not everything was looked at. */
  cut: boolean;
};

/** Directories that hold programs, never results; hidden ones too. */
const passedOver = new Set(['node_modules', 'site-packages', '__pycache__', 'venv', 'env']);
const deepest = 6;

/**
 * Files below `root` with a name of one of the formats. Directories that were changed last come first, so
 * that among thousands of old runs the new ones are found within `entriesMost`. Links are not followed, and
 * the directory `except` is not entered.
 */
export function searchBelow(
  root: string,
  entriesMost: number,
  { depthMost, except }: { depthMost?: number; except?: string } = {},
): Search {
  const levels = depthMost ?? deepest;
  const found: Candidate[] = [];
  let waiting = [{ dir: root, depth: 0, changedMs: 0 }];
  let left = entriesMost;
  while (waiting.length > 0) {
    waiting.sort((a, b) => b.changedMs - a.changedMs);
    const next = waiting;
    waiting = [];
    for (const { dir, depth } of next) {
      if (left <= 0) return { found, cut: true };
      for (const entry of entriesOf(dir, left)) {
        left -= 1;
        const file = path.join(dir, entry.name);
        if (entry.isFile() && formatOf(entry.name) !== null) {
          const candidate = candidateAt(file);
          if (candidate !== null) found.push(candidate);
        }
        if (!entry.isDirectory() || depth === levels || file === except) continue;
        if (entry.name.startsWith('.') || passedOver.has(entry.name)) continue;
        // The last level is not put in order: to ask each directory costs more than to read a few.
        const changedMs = depth + 1 < levels ? (statOf(file)?.mtimeMs ?? 0) : 0;
        waiting.push({ dir: file, depth: depth + 1, changedMs });
      }
    }
  }
  return { found, cut: false };
}

/** Null when it is no regular file. */
export function candidateAt(file: string): Candidate | null {
  const stat = statOf(file);
  if (stat?.isFile() !== true) return null;
  const { dev, ino, size, mtimeMs: modifiedMs, birthtimeMs: bornMs } = stat;
  return { file, id: `${dev}:${ino}`, size, modifiedMs, bornMs };
}

function statOf(file: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** One after another: a directory may hold millions. */
function entriesOf(dir: string, most: number): fs.Dirent[] {
  const entries: fs.Dirent[] = [];
  try {
    const opened = fs.opendirSync(dir);
    try {
      for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) {
        entries.push(entry);
        if (entries.length >= most) break;
      }
    } finally {
      opened.closeSync();
    }
  } catch {
    // It was removed, or is not ours to look into.
  }
  return entries;
}
