/** A machine: processes with pids that are soon used again, locks that live as long as their holders, boots. */
import type { Identity, Kernel } from '../../src/rundir/index.ts';
import type { Random } from './random.ts';

export type ProcessKind = 'daemon' | 'worker' | 'recorder' | 'trainer' | 'child';

export type Process = {
  readonly identity: Identity;
  readonly kind: ProcessKind;
  /** The attempt's directory, as its environment says. */
  readonly marker: string | null;
  readonly session: number;
  stopped: boolean;
  gone: boolean;
  /** What a signal does to it; SIGKILL too, because some cannot die yet. */
  readonly onSignal: (signal: string) => void;
  readonly onReboot: () => void;
};

export type Machine = Kernel & {
  bootedAt(): number;
  wallMs(): number;
  /** Sets the wall clock forward or back. */
  jump(ms: number): void;
  spawn(of: {
    kind: ProcessKind;
    marker: string | null;
    /** The session that it joins; null: its own. */
    session: number | null;
    onSignal: (signal: string) => void;
    onReboot: () => void;
  }): Process;
  end(process: Process): void;
  /** Live trainers and descendants that carry a marker. */
  marked(marker: string): Process[];
  live(kind: ProcessKind): Process[];
  find(identity: Identity): Process | null;
  /** Takes all or none of the lock files. */
  lock(files: readonly string[], holder: Process): boolean;
  /** A forked process holds what its parent holds. */
  inherit(from: Process, to: Process): void;
  unlock(holder: Process): void;
  isLocked(file: string): boolean;
  reboot(): void;
};

/** So few that a pid comes back within one world. */
const pids = { first: 100, count: 60 };
const freedMax = 6;
const epochMs = Date.UTC(2026, 0, 1);

export function createMachine(random: Random, now: () => number): Machine {
  const processes = new Map<number, Process>();
  const locks = new Map<string, Set<Process>>();
  const freed: number[] = [];
  let boots = 1;
  let bootedAt = -random.between(1_000, 1_000_000);
  let offsetMs = 0;
  let started = 0;
  const bootId = (): string => `boot-${boots}`;
  const freePid = (): number => {
    // Most get the number of one that has just ended: whoever trusts a pid is to be misled.
    while (freed.length > 0 && random.chance(0.6)) {
      const [pid = 0] = freed.splice(random.int(freed.length), 1);
      if (!processes.has(pid)) return pid;
    }
    for (let tries = 0; tries < 20; tries += 1) {
      const pid = pids.first + random.int(pids.count);
      if (!processes.has(pid)) return pid;
    }
    let pid = pids.first + pids.count;
    while (processes.has(pid)) pid += 1;
    return pid;
  };
  const holders = (file: string): Set<Process> => {
    const found = locks.get(file) ?? new Set();
    locks.set(file, found);
    return found;
  };
  const unlock = (holder: Process): void => {
    for (const set of locks.values()) set.delete(holder);
  };
  const end = (process: Process): void => {
    if (process.gone) return;
    process.gone = true;
    unlock(process);
    processes.delete(process.identity.pid);
    freed.push(process.identity.pid);
    if (freed.length > freedMax) freed.shift();
  };

  return {
    bootId,
    bootedAt: () => bootedAt,
    wallMs: () => Math.floor(epochMs + now() + offsetMs),
    jump(ms) {
      offsetMs += ms;
    },
    processStat(pid) {
      const process = processes.get(pid);
      if (process === undefined) return null;
      const { stopped, session, identity } = process;
      return { dead: false, stopped, deaf: false, session, startTime: identity.start_time };
    },
    spawn({ kind, marker, session, onSignal, onReboot }) {
      const pid = freePid();
      started += 1;
      const process: Process = {
        identity: { boot_id: bootId(), pid, start_time: String(started) },
        kind,
        marker,
        session: session ?? pid,
        stopped: false,
        gone: false,
        onSignal,
        onReboot,
      };
      processes.set(pid, process);
      return process;
    },
    end,
    marked: (marker) => [...processes.values()].filter((process) => process.marker === marker),
    live: (kind) => [...processes.values()].filter((process) => process.kind === kind),
    find: ({ boot_id, pid, start_time }) => {
      const process = processes.get(pid);
      const same = boot_id === bootId() && process?.identity.start_time === start_time;
      return same ? (process ?? null) : null;
    },
    lock(files, holder) {
      if (files.some((file) => holders(file).size > 0)) return false;
      for (const file of files) holders(file).add(holder);
      return true;
    },
    inherit(from, to) {
      for (const set of locks.values()) if (set.has(from)) set.add(to);
    },
    unlock,
    isLocked: (file) => (locks.get(file)?.size ?? 0) > 0,
    reboot() {
      const all = [...processes.values()];
      for (const process of all) end(process);
      boots += 1;
      bootedAt = now();
      for (const process of all) process.onReboot();
    },
  };
}
