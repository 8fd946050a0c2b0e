/** Who belongs to a cluster of a test, as /proc tells it. */
import fs from 'node:fs';
import path from 'node:path';

/**
 * Processes with each of these words, as `NAME=value`, in the environment they were started with, and what
 * descends from those: it may have been started with another one.
 */
export function pidsWith(words: readonly string[]): number[] {
  return withDescendants((pid) => {
    const env = `\0${read(pid, 'environ')}\0`;
    return words.every((word) => env.includes(`\0${word}\0`));
  });
}

/**
 * The slurmstepds of a cluster, by the job they name themselves after; all of them without a job.
 * Their title overwrites their environment: what they have open tells whose they are.
 */
export function stepds(dir: string, job?: string): number[] {
  return allPids().filter((pid) => {
    const title = /^slurmstepd: \[(\d+)(?:\.[^\]]*)?\]/.exec(read(pid, 'cmdline'));
    if (title === null || (job !== undefined && title[1] !== job)) return false;
    return isAlive(pid) && filesOf(pid).some((file) => file.startsWith(`${dir}/`));
  });
}

/** In one pass over /proc. Ourselves never, whatever we were started with. */
function withDescendants(chosen: (pid: number) => boolean): number[] {
  const pids = allPids().filter(isAlive);
  const parents = new Map(pids.map((pid) => [pid, parentOf(pid)]));
  const found = new Set(pids.filter(chosen));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

function parentOf(pid: number): number {
  return Number(/\) \S (\d+)/.exec(read(pid, 'stat'))?.[1] ?? 0);
}

/** The directories of a node of Slurm's, one in each hierarchy it uses (cgroup v1). */
export function cgroupsOf(node: string): string[] {
  const root = '/sys/fs/cgroup';
  const all = fs.readdirSync(root).map((name) => path.join(root, name, `slurm_${node}`));
  return all.filter((dir) => fs.existsSync(dir));
}

/** Of a cgroup and those below it; none of one that is not there. */
export function pidsOfCgroup(dir: string): number[] {
  if (!fs.existsSync(dir)) return [];
  const own = fs.readFileSync(path.join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  return [...own.map(Number), ...below(dir).flatMap(pidsOfCgroup)];
}

/** With those below it; its files go with it. It must be empty. */
export function removeCgroup(dir: string): void {
  if (!fs.existsSync(dir)) return;
  for (const inner of below(dir)) removeCgroup(inner);
  fs.rmdirSync(dir);
}

function below(dir: string): string[] {
  const entries = fs.readdirSync(dir, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(dir, name));
}

/** A zombie is not: its parent may be anybody. */
export function isAlive(pid: number): boolean {
  const state = /\) (\S)/.exec(read(pid, 'stat'))?.[1];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** A pid of 0 would mean whoever tests. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  if (pid < 1) throw new Error(`there is no process ${pid} to get ${signal}`);
  try {
    process.kill(pid, signal);
  } catch {
    // It went by itself in the meantime.
  }
}

function allPids(): number[] {
  const names = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return names.map(Number).filter((pid) => pid !== process.pid);
}

function read(pid: number, name: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

/** What it has open. */
function filesOf(pid: number): string[] {
  try {
    const fds = fs.readdirSync(`/proc/${pid}/fd`);
    return fds.map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}
