/** What was written for us about the attempt. */
import fs from 'node:fs';
import path from 'node:path';
import { attemptFiles, readExit } from '../rundir/index.ts';
import type { StopRule } from './rules.ts';

/** What the executor wrote down for us. */
export function readSpec(dir: string): {
  cwd: string;
  artifacts: string[];
  /** Take them away instead of copying them. */
  artifacts_move?: boolean;
  /** A copy may not leave less free than this. */
  disk_floor_bytes?: number;
  stall_ms: number | null;
  /** Where a metric ends the run; left out: nowhere. */
  stop_when?: StopRule[];
  kill_patience_ms: number;
  /** Formats of files in which points are looked for; null or left out: all. */
  formats?: string[] | null;
  /** What names of printed points begin with; null or left out: any. */
  printed?: string[] | null;
} {
  return JSON.parse(fs.readFileSync(path.join(dir, attemptFiles.spec), 'utf8'));
}

/** What names of printed points begin with; null when any may be one, or nobody can say any more. */
export function printedNames(dir: string): string[] | null {
  try {
    return readSpec(dir).printed ?? null;
  } catch {
    return null;
  }
}

/** When the executor wrote that: what is older is no work of this attempt. */
export function preparedAtMs(dir: string): number {
  return fs.statSync(path.join(dir, attemptFiles.spec)).mtimeMs;
}

export function isDrained(dir: string): boolean {
  return fs.existsSync(path.join(dir, attemptFiles.drained));
}

/** True when the recorder, to which orphans come, has reaped every descendant; else null. */
export function saysAlone(dir: string): true | null {
  const file = path.join(dir, attemptFiles.drained);
  if (!fs.existsSync(file)) return null;
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { alone?: boolean }).alone === true || null;
}

/** When the trainer ended, in milliseconds since the epoch; null while nobody wrote it down. */
export function endOf(dir: string): number | null {
  const at = Date.parse(readExit(dir)?.ended_at ?? '');
  return Number.isNaN(at) ? null : at;
}
