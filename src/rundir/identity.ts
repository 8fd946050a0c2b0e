/** Who a process is: a pid alone identifies nothing, it may be reused. */
import fs from 'node:fs';

export type Identity = { boot_id: string; pid: number; start_time: string };

let cachedBootId: string | null = null;

/** What the kernel says about processes; another one is only for simulations. */
export type Kernel = {
  bootId(): string;
  processStat(pid: number): ProcessStat | null;
};

/** The id of this boot of the machine. */
export function bootId(): string {
  cachedBootId ??= fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return cachedBootId;
}

/** The identity of a process that exists now, dead or not yet reaped ones included; else null. */
export function identityOf(pid: number): Identity | null {
  const stat = processStat(pid);
  return stat === null ? null : { boot_id: bootId(), pid, start_time: stat.startTime };
}

/** Whether exactly this process still runs. A zombie does not: it only waits to be reaped. */
export function isAlive(identity: Identity, kernel: Kernel = { bootId, processStat }): boolean {
  if (identity.boot_id !== kernel.bootId()) return false;
  const stat = kernel.processStat(identity.pid);
  return stat !== null && !stat.dead && stat.startTime === String(identity.start_time);
}

export type ProcessStat = {
  dead: boolean;
  /** By a signal, or by a tracer. */
  stopped: boolean;
  /** In a sleep that no signal ends: it stops, or dies, before it runs anything again. */
  deaf: boolean;
  session: number;
  startTime: string;
};

/** Some fields of /proc/PID/stat, or null when there is no such process. */
export function processStat(pid: number): ProcessStat | null {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The command may hold spaces and brackets; fields are counted after the last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0] ?? 'X';
  // A main thread that ended before the others shows as Z too, but then there is more than one.
  const threads = Number(fields[17]);
  return {
    dead: state === 'X' || state === 'x' || (state === 'Z' && threads <= 1),
    stopped: state === 'T' || state === 't',
    deaf: state === 'D',
    session: Number(fields[3]),
    startTime: fields[19] ?? '0',
  };
}
