/**
 * The processes of an attempt: its control group where there is one; else its session and group, and
 * whatever carries its marker. A number alone proves nothing: pids come again, and with them the
 * numbers of sessions and groups, so that each is asked for a witness first.
 */
import fs from 'node:fs';
import { bootId, type Identity, isAlive, processStat } from '../rundir/index.ts';
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

export type TreeOptions = {
  trainer: Identity;
  /** The attempt's directory. */
  marker: string;
  /** Null where no group could be made. */
  cgroup: string | null;
  /** When the trainer itself ended, as its recorder saw it; null when it lives or nobody knows. */
  endedMs: () => number | null;
  /** Told of the processes before they are told to end: what they hold can be seen only now. */
  ending?: (pids: readonly number[]) => void;
};

type Found = { pid: number; session: number; startTime: string };

/** Everything that lives of an attempt. */
export function processesOf(options: TreeOptions): number[] {
  const pids = members(options);
  const { cgroup } = options;
  // Who left the session and scrubbed its environment is still in the group.
  return cgroup === null ? pids : [...new Set([...pids, ...groupMembers(cgroup)])];
}

export function createTree(options: TreeOptions): Tree {
  const { trainer, cgroup } = options;
  const found = (): number[] => processesOf(options);
  /** Not the whole machine is searched while the group says who there is. */
  const quickly = (): number[] => {
    const inGroup = cgroup === null ? [] : groupMembers(cgroup);
    return inGroup.length > 0 ? inGroup : found();
  };
  const toGroup = (name: NodeJS.Signals): boolean =>
    (isAlive(trainer) || isOurSession(options, sessionMembers(trainer))) &&
    kill(-trainer.pid, name);
  return {
    signal(name) {
      options.ending?.(quickly());
      return toGroup(name);
    },
    killAll() {
      const before = quickly();
      if (before.length === 0) return 0;
      options.ending?.(before);
      if (cgroup !== null && isPopulated(cgroup)) killGroup(cgroup);
      toGroup('SIGKILL');
      // Where the group got all, nobody has to search; a program without rights in it may be outside.
      const pids = found();
      for (const pid of pids) kill(pid, 'SIGKILL');
      return pids.length;
    },
    pauseAll() {
      toGroup('SIGSTOP');
      const running = found().filter((pid) => processStat(pid)?.stopped === false);
      for (const pid of running) kill(pid, 'SIGSTOP');
      // A shell sleeps deaf until its child executes, and that one may have been stopped before it could.
      return running.every((pid) => processStat(pid)?.deaf === true);
    },
    resumeAll() {
      toGroup('SIGCONT');
      for (const pid of found()) kill(pid, 'SIGCONT');
    },
  };
}

/** Live processes of the attempt: of its session, or carrying its marker, and not older than it. */
function members(options: TreeOptions): number[] {
  const { trainer, marker } = options;
  const young = youngerThan(trainer);
  const inSession = young.filter(({ session }) => session === trainer.pid);
  const ours = isOurSession(options, inSession) ? inSession : [];
  const marked = young.filter((each) => !ours.includes(each) && markerOf(each.pid) === marker);
  return [...ours, ...marked].map(({ pid }) => pid);
}

function sessionMembers(trainer: Identity): Found[] {
  return youngerThan(trainer).filter(({ session }) => session === trainer.pid);
}

function youngerThan(trainer: Identity): Found[] {
  if (trainer.boot_id !== bootId()) return [];
  return livePids().flatMap((pid) => {
    const stat = processStat(pid);
    if (stat === null || stat.dead) return [];
    const { session, startTime } = stat;
    return Number(startTime) < Number(trainer.start_time) ? [] : [{ pid, session, startTime }];
  });
}

/**
 * Whether the session of the trainer's number is the trainer's. While anything lives in a session its
 * number is given to nobody else: a leader that is there tells by itself, and in the place of one that is
 * gone, one member that was surely the trainer's vouches for all.
 */
function isOurSession(options: TreeOptions, inSession: readonly Found[]): boolean {
  const { trainer, marker } = options;
  if (trainer.boot_id !== bootId()) return false;
  const leader = processStat(trainer.pid);
  if (leader !== null) return leader.startTime === String(trainer.start_time);
  const endedMs = options.endedMs();
  return inSession.some(
    ({ pid, startTime }) =>
      (endedMs !== null && startedMs(startTime) <= endedMs) || markerOf(pid) === marker,
  );
}

/** Clock ticks of /proc per second: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** When a process of this boot started, by the wall clock. Never too early but for a clock set back. */
function startedMs(startTime: string): number {
  const [uptime = '0'] = fs.readFileSync('/proc/uptime', 'latin1').split(' ');
  return Date.now() - 1000 * (Number(uptime) - Number(startTime) / ticksPerSecond);
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
