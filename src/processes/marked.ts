/** Finds processes by the marker that every trainer carries in its environment. */
import fs from 'node:fs';
import { processStat } from '../rundir/index.ts';

/** The attempt's directory: of one yard, one run and one attempt only. */
export const markerName = 'RUNYARD_RUN_DIR';

export type Marked = { pid: number; startTime: string; runDir: string };

/** Live processes with a marker, whosever it is; those that we may not look into are left out. */
export function markedProcesses(): Marked[] {
  return livePids().flatMap((pid) => {
    const runDir = markerOf(pid);
    const stat = runDir === null ? null : processStat(pid);
    if (runDir === null || stat === null || stat.dead) return [];
    return [{ pid, startTime: stat.startTime, runDir }];
  });
}

/** All processes but this one, dead ones that were not reaped included. */
export function livePids(): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

export function markerOf(pid: number): string | null {
  try {
    const env = `\0${fs.readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
    const at = env.lastIndexOf(`\0${markerName}=`);
    if (at < 0) return null;
    const from = at + markerName.length + 2;
    const end = env.indexOf('\0', from);
    return Buffer.from(env.slice(from, end < 0 ? undefined : end), 'latin1').toString('utf8');
  } catch {
    return null;
  }
}
