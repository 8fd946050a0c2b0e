/** Programs on a GPU that are nobody's run: who they are, and whether a run has to wait for them. */
import fs from 'node:fs';
import path from 'node:path';
import type { Gpu, GpuProcess } from './gpu.ts';

export type ForeignPolicy = {
  /** Wait for them, or give the GPU out all the same. */
  readonly policy: 'wait' | 'ignore';
  /** Use of less than this in all is ignored. */
  readonly leastMib: number;
};

export type Foreign = {
  /** All of them in words; null: there is none. */
  readonly text: string | null;
  /** Those that a run waits for. */
  readonly waitedFor: string | null;
};

const namedMost = 3;

/** `isOurs`: whether a process belongs to a run of this yard. `userOf`: whose it is; empty: not known. */
export function foreignOn(
  gpu: Gpu,
  { policy, leastMib }: ForeignPolicy,
  isOurs: (pid: number) => boolean,
  userOf: (pid: number) => string,
): Foreign {
  const foreign = gpu.processes.filter(({ pid }) => !isOurs(pid));
  if (foreign.length === 0) return { text: null, waitedFor: null };
  const computing = foreign.filter(({ graphics }) => !graphics);
  // What a program uses is not told everywhere: then all that is used counts.
  const unknown = computing.some(({ usedMib }) => usedMib === null);
  const used = unknown
    ? (gpu.usedMib ?? leastMib)
    : computing.reduce((sum, { usedMib }) => sum + (usedMib ?? 0), 0);
  const isWaitedFor = policy === 'wait' && computing.length > 0 && used >= leastMib;
  const text = wordsOf(foreign, userOf);
  return {
    text: isWaitedFor ? text : `${text} (ignored)`,
    waitedFor: isWaitedFor ? wordsOf(computing, userOf) : null,
  };
}

/** `python of eve (pid 71, 9 GiB)`. */
function wordsOf(processes: readonly GpuProcess[], userOf: (pid: number) => string): string {
  const largest = [...processes].sort((a, b) => (b.usedMib ?? 0) - (a.usedMib ?? 0));
  const named = largest.slice(0, namedMost).map(({ pid, name, usedMib }) => {
    const user = userOf(pid);
    const memory = usedMib === null ? '' : `, ${gib(usedMib)} GiB`;
    return `${path.basename(name) || 'a program'}${user === '' ? '' : ` of ${user}`} (pid ${pid}${memory})`;
  });
  const more = processes.length - named.length;
  return more === 0 ? named.join(', ') : `${named.join(', ')} and ${more} more`;
}

function gib(mib: number): number {
  return Number((mib / 1024).toFixed(1));
}

/** The name of whose process it is, from the machine's own list of users; else the number. */
export function processUser(pid: number): string {
  try {
    return accountName(fs.statSync(`/proc/${pid}`).uid);
  } catch {
    return '';
  }
}

/** The name of an account, or its number where there is none. */
export function accountName(uid: number): string {
  try {
    const passwd = fs.readFileSync('/etc/passwd', 'utf8');
    return new RegExp(`^([^:\n]+):[^:\n]*:${uid}:`, 'm').exec(passwd)?.[1] ?? String(uid);
  } catch {
    return String(uid);
  }
}
