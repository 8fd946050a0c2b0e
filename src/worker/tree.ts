/**
 * Ends the processes of an attempt. They are found by session and group, and by the marker in
 * their environment; each is checked to have started after the attempt did, so that a reused pid is
 * never hit.
 */
import fs from 'node:fs';
import { type Identity, isAlive, processStat } from '../rundir/index.ts';

export type Tree = {
  /** Sends a signal to the trainer's group; false when nothing of it lives. */
  signal(name: NodeJS.Signals): boolean;
  /** Kills everything that still lives; returns how many were found. */
  killAll(): number;
};

export function createTree(trainer: Identity, marker: { runId: string; attempt: number }): Tree {
  const marks = [`RUNYARD_RUN_ID=${marker.runId}`, `RUNYARD_ATTEMPT=${marker.attempt}`];
  return {
    signal(name) {
      if (!groupMayBeOurs(trainer)) return false;
      return kill(-trainer.pid, name);
    },
    killAll() {
      if (groupMayBeOurs(trainer)) kill(-trainer.pid, 'SIGKILL');
      const found = members(trainer, marks);
      for (const pid of found) kill(pid, 'SIGKILL');
      return found.length;
    },
  };
}

/** The group's number is ours while the leader lives or any member of its session does. */
function groupMayBeOurs(trainer: Identity): boolean {
  if (isAlive(trainer)) return true;
  // A dead leader's pid cannot be reused while a group of that number exists; a new process of that
  // number would be its own group's leader.
  return processStat(trainer.pid) === null && kill(-trainer.pid, 0);
}

/** Live processes of the attempt: of its session, or carrying its marker, and not older than it. */
function members(trainer: Identity, marks: readonly string[]): number[] {
  const pids = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    if (pid === process.pid) return false;
    const stat = processStat(pid);
    if (stat === null || stat.dead || Number(stat.startTime) < Number(trainer.start_time))
      return false;
    return stat.session === trainer.pid || carries(pid, marks);
  });
}

function carries(pid: number, marks: readonly string[]): boolean {
  try {
    const env = `\0${fs.readFileSync(`/proc/${pid}/environ`, 'latin1')}\0`;
    return marks.every((mark) => env.includes(`\0${mark}\0`));
  } catch {
    return false;
  }
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
