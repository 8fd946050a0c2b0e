/**
 * The processes of an attempt: its control group where there is one; else its session and group, and
 * whatever carries its marker. Each is checked to have started after the attempt did, so that a
 * reused pid is never hit.
 */
import { type Identity, isAlive, processStat } from '../rundir/index.ts';
import { groupMembers, isPopulated, killGroup } from './cgroup.ts';
import { livePids, markerOf } from './marked.ts';

export type Tree = {
  /** Sends a signal to the trainer's group; false when nothing of it lives. */
  signal(name: NodeJS.Signals): boolean;
  /** Kills everything that still lives; returns how many were found. */
  killAll(): number;
  /** Stops every process where it is; true when none runs on. */
  pauseAll(): boolean;
  /** Lets every process go on. */
  resumeAll(): void;
};

/** The marker is the attempt's directory; `cgroup` is null where no group could be made. */
export function createTree(trainer: Identity, marker: string, cgroup: string | null): Tree {
  const found = (): number[] => {
    const pids = members(trainer, marker);
    // Who left the session and scrubbed its environment is still in the group.
    return cgroup === null ? pids : [...new Set([...pids, ...groupMembers(cgroup)])];
  };
  return {
    signal(name) {
      if (!groupMayBeOurs(trainer)) return false;
      return kill(-trainer.pid, name);
    },
    killAll() {
      if (cgroup !== null && isPopulated(cgroup)) killGroup(cgroup);
      if (groupMayBeOurs(trainer)) kill(-trainer.pid, 'SIGKILL');
      // Where the group got all, nobody has to search; a program without rights in it may be outside.
      const pids = found();
      for (const pid of pids) kill(pid, 'SIGKILL');
      return pids.length;
    },
    pauseAll() {
      if (groupMayBeOurs(trainer)) kill(-trainer.pid, 'SIGSTOP');
      const running = found().filter((pid) => processStat(pid)?.stopped === false);
      for (const pid of running) kill(pid, 'SIGSTOP');
      return running.length === 0;
    },
    resumeAll() {
      if (groupMayBeOurs(trainer)) kill(-trainer.pid, 'SIGCONT');
      for (const pid of found()) kill(pid, 'SIGCONT');
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
function members(trainer: Identity, marker: string): number[] {
  return livePids().filter((pid) => {
    const stat = processStat(pid);
    if (stat === null || stat.dead || Number(stat.startTime) < Number(trainer.start_time))
      return false;
    return stat.session === trainer.pid || markerOf(pid) === marker;
  });
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
