/** One control group an attempt, below one of this yard; and what is left of attempts that are over. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  findGroupBase,
  isPopulated,
  killGroup,
  markedProcesses,
  removeGroup,
} from '../../processes/index.ts';
import { attemptDir, attemptFiles } from '../../rundir/index.ts';

export type Groups = {
  /** The group of an attempt, to be made by its recorder; null where none can be made. */
  path(runId: string, attempt: number): string | null;
  /** Ends whatever still lives of an attempt; true when nothing does. */
  swept(runId: string, attempt: number): boolean;
  /** Ends what belongs to this yard and to no attempt that is to live. Returns how many it found. */
  sweep(isLive: (runId: string, attempt: number) => boolean): number;
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
      // The worker saw the last of it go, or nothing was ever launched: no need to search the machine.
      if (fs.existsSync(path.join(dir, attemptFiles.drained))) return empty;
      return endMarked((runDir) => runDir === dir) === 0 && empty;
    },
    sweep(isLive) {
      const runs = path.join(home, 'runs');
      const dead = (runDir: string): boolean => {
        const [runId = '', attempts, attempt] = path.relative(runs, runDir).split(path.sep);
        return runId !== '..' && attempts === 'attempts' && !isLive(runId, Number(attempt));
      };
      let found = endMarked(dead);
      for (const entry of yard === null ? [] : fs.readdirSync(yard)) {
        const [runId = '', attempt = ''] = entry.split('-');
        const group = yard === null ? '' : path.join(yard, entry);
        if (!/^\d+$/.test(attempt) || isLive(runId, Number(attempt))) continue;
        if (isPopulated(group)) found += 1;
        endGroup(group);
      }
      return found;
    },
  };
}
