/** One control group an attempt, below one of this yard; and what is left of attempts that are over. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  createTree,
  findGroupBase,
  isPopulated,
  killGroup,
  markedProcesses,
  removeGroup,
} from '../../processes/index.ts';
import { attemptDir, type Identity, judge, readDrained } from '../../rundir/index.ts';

export type Groups = {
  /** The group of an attempt, to be made by its recorder; null where none can be made. */
  path(runId: string, attempt: number): string | null;
  /** Ends whatever still lives of an attempt; true when nothing does. */
  swept(runId: string, attempt: number): boolean;
  /** Ends what belongs to this yard and to an attempt that is over. Returns how many it found. */
  sweep(isOver: (runId: string, attempt: number) => boolean): number;
  /** Removes the yard's own group, unless something lives in it. */
  close(): void;
};

export function createGroups(home: string, wanted: 'auto' | 'none'): Groups {
  const base = wanted === 'none' ? null : findGroupBase();
  // Two yards of one account must not meet in one group.
  const name = `runyard-${crypto.createHash('sha256').update(home).digest('hex').slice(0, 12)}`;
  const yard = base === null ? null : path.join(base, name);
  if (yard !== null) fs.mkdirSync(yard, { recursive: true });
  const groupOf = (runId: string, attempt: number): string | null =>
    yard === null ? null : path.join(yard, `${runId}-${attempt}`);

  const endGroup = (group: string): boolean => {
    if (isPopulated(group)) killGroup(group);
    return removeGroup(group);
  };
  const endMarked = (ours: (runDir: string) => boolean): number => {
    const found = markedProcesses().filter(({ runDir }) => ours(runDir));
    for (const { pid } of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    return found.length;
  };

  return {
    path: groupOf,
    swept(runId, attempt) {
      const group = groupOf(runId, attempt);
      const empty = group === null || endGroup(group);
      const dir = attemptDir(home, runId, attempt);
      const { alone, trainer, endedMs } = lastWords(dir);
      // Its recorder saw the last of it go: no need to search the machine.
      if (alone) return empty;
      const left =
        trainer === null
          ? endMarked((runDir) => runDir === dir)
          : createTree({ trainer, marker: dir, cgroup: group, endedMs: () => endedMs }).killAll();
      return left === 0 && empty;
    },
    sweep(isOver) {
      const runs = path.join(home, 'runs');
      const dead = (runDir: string): boolean => {
        const [runId = '', attempts, attempt] = path.relative(runs, runDir).split(path.sep);
        return runId !== '..' && attempts === 'attempts' && isOver(runId, Number(attempt));
      };
      let found = endMarked(dead);
      for (const entry of yard === null ? [] : fs.readdirSync(yard)) {
        const [runId = '', attempt = ''] = entry.split('-');
        const group = yard === null ? '' : path.join(yard, entry);
        if (!/^\d+$/.test(attempt) || !isOver(runId, Number(attempt))) continue;
        if (isPopulated(group)) found += 1;
        endGroup(group);
      }
      return found;
    },
    close() {
      if (yard !== null && !isPopulated(yard)) removeGroup(yard);
    },
  };
}

/** What an attempt's directory says about its end; nothing when it cannot be read. */
function lastWords(dir: string): {
  alone: boolean;
  trainer: Identity | null;
  endedMs: number | null;
} {
  try {
    const verdict = judge(dir);
    const ended =
      verdict.kind === 'exited' ? Date.parse(verdict.record.ended_at ?? '') : Number.NaN;
    return {
      alone: readDrained(dir)?.alone === true,
      trainer: 'trainer' in verdict ? verdict.trainer : null,
      endedMs: Number.isNaN(ended) ? null : ended,
    };
  } catch {
    return { alone: false, trainer: null, endedMs: null };
  }
}
