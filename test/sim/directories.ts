/** The run directories, as far as the protocol goes (docs/protocol.md), in memory. */
import { RunyardError } from '../../src/errors.ts';
import type { Claim, ExitRecord, Identity, Launch, Start } from '../../src/rundir/index.ts';
import type { StopRule } from '../../src/worker/rules.ts';
import type { Random } from './random.ts';
import type { Life, Schedule } from './schedule.ts';

export type LaunchFile = Launch;
export type SpecFile = {
  cwd: string;
  artifacts: string[];
  stall_ms: number | null;
  kill_patience_ms: number;
  stop_when: StopRule[];
};

export type Directory = {
  readonly path: string;
  launch: LaunchFile | null;
  spec: SpecFile | null;
  worker: { identity: Identity; socket: string } | null;
  claim: Claim | null;
  start: Start | null;
  exit: ExitRecord | null;
  drained: { alone: boolean } | null;
  rule: string | null;
  /** The worker that holds the reader's lock. */
  reader: Life | null;
  /** Files that a power loss may take. */
  readonly unsynced: Set<File>;
  readonly watchers: Set<() => void>;
};
export type File = 'launch' | 'spec' | 'worker' | 'claim' | 'start' | 'exit' | 'drained' | 'rule';

export type Directories = {
  /** The directory, if it is there. */
  find(path: string): Directory | null;
  make(path: string): Directory;
  /** Somebody removes it. */
  remove(path: string): void;
  /** Tells those who watch it, a moment later. */
  changed(dir: Directory): void;
  watch(path: string, again: () => void): () => void;
  exists(file: string): boolean;
  voidStart(path: string): 'voided' | 'started';
  /** A power loss: each file that was not synced is there or not. */
  lose(random: Random, lost: (path: string) => void): string[];
  all(): Directory[];
};

const fileNames: Readonly<Record<string, File>> = { 'launch.json': 'launch', claim: 'claim' };

export function createDirectories(schedule: Schedule, random: Random): Directories {
  const all = new Map<string, Directory>();
  /** Watches outlive what they watch. */
  const watchers = new Map<string, Set<() => void>>();

  const make = (path: string): Directory => {
    const found = all.get(path);
    if (found !== undefined) return found;
    const watching = watchers.get(path) ?? new Set();
    watchers.set(path, watching);
    const made: Directory = {
      path,
      launch: null,
      spec: null,
      worker: null,
      claim: null,
      start: null,
      exit: null,
      drained: null,
      rule: null,
      reader: null,
      unsynced: new Set(),
      watchers: watching,
    };
    all.set(path, made);
    return made;
  };
  const changed = (dir: Directory): void => {
    if (dir.watchers.size === 0) return;
    schedule.after(random.next() * 2, null, () => {
      for (const again of [...dir.watchers]) again();
    });
  };

  return {
    find: (path) => all.get(path) ?? null,
    make,
    remove: (path) => void all.delete(path),
    changed,
    watch(path, again) {
      const set = watchers.get(path) ?? new Set();
      watchers.set(path, set);
      set.add(again);
      return () => set.delete(again);
    },
    exists(file) {
      const at = file.lastIndexOf('/');
      const name = fileNames[file.slice(at + 1)];
      if (name === undefined) throw new Error(`nobody should ask for ${file}`);
      return (all.get(file.slice(0, at))?.[name] ?? null) !== null;
    },
    voidStart(path) {
      const dir = make(path);
      if (dir.start === null) {
        dir.start = { voided: true };
        dir.unsynced.add('start');
        changed(dir);
      }
      return dir.start.voided ? 'voided' : 'started';
    },
    lose(taken, told) {
      const lost: string[] = [];
      for (const dir of all.values()) {
        dir.reader = null;
        for (const file of dir.unsynced) {
          if (!taken.chance(0.5)) continue;
          dir[file] = null;
          if (file === 'launch') told(dir.path);
          lost.push(`${dir.path.split('/').slice(-3).join('/')}/${file}`);
        }
        dir.unsynced.clear();
      }
      return lost;
    },
    all: () => [...all.values()],
  };
}

/** What a full disk answers. */
export function diskFull(what: string): RunyardError {
  return new RunyardError('disk_full', `${what} cannot be written`, {
    cause: Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }),
  });
}
