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
  const environment = environmentOf(pid);
  if (environment === null) return null;
  const env = `\0${environment}`;
  const at = env.lastIndexOf(`\0${markerName}=`);
  if (at < 0) return null;
  const from = at + markerName.length + 2;
  const end = env.indexOf('\0', from);
  return Buffer.from(env.slice(from, end < 0 ? undefined : end), 'latin1').toString('utf8');
}

/** How often a process without an environment is looked at again, and the pause while it executes. */
const looksMost = { executing: 40, scrubbed: 8 };
const executingMs = 0.5;

/**
 * Null when it is gone or may not be looked into. In the middle of an exec a process has no environment
 * for a moment: taken as it stands, one that forks and executes without end would be overlooked.
 */
function environmentOf(pid: number): string | null {
  let [executing, scrubbed] = [0, 0];
  for (;;) {
    try {
      const environment = fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
      if (environment !== '') return environment;
      const seen = emptiness(pid);
      if (seen === 'executing') executing += 1;
      if (seen === 'scrubbed') scrubbed += 1;
      const enough = executing > looksMost.executing || scrubbed > looksMost.scrubbed;
      if (seen === 'never' || enough) return '';
      if (seen === 'executing') Atomics.wait(nobody, 0, 0, executingMs);
    } catch {
      return null;
    }
  }
}

/** Nobody ever wakes it: waiting for it is a pause. */
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** Fields of stat, counted after the command as in `processStat`. */
const statFields = { flags: 6, envStart: 47, envEnd: 48 };
const kernelThread = 0x00200000;

/** Why an environment was found empty. Dead processes and the kernel's own never have one. */
function emptiness(pid: number): 'executing' | 'scrubbed' | 'never' {
  const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const isKernel = (Number(fields[statFields.flags]) & kernelThread) !== 0;
  if (isKernel || /[ZXx]/.test(fields[0] ?? 'X')) return 'never';
  const [start, end] = [fields[statFields.envStart], fields[statFields.envEnd]];
  return start === end && end !== '0' ? 'scrubbed' : 'executing';
}
