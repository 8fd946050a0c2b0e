/** The processes of an attempt, as far as recorder, trainer and control group tell. */
import { descendantsOf, groupMembers } from '../processes/index.ts';
import { isAlive, judge, readClaim, readLaunch } from '../rundir/index.ts';

export type Members = {
  /** Those that live now. */
  live(): number[];
  /** Whether a process of this number was ever one of them. */
  seen(pid: number): boolean;
};

/** A script that starts ever new processes is not to fill our memory. */
const seenMost = 10_000;

export function createMembers(dir: string): Members {
  const seen = new Set<number>();
  return {
    live() {
      const verdict = judge(dir);
      const trainer = 'trainer' in verdict ? verdict.trainer : null;
      if (trainer !== null) seen.add(trainer.pid);
      const cgroup = readLaunch(dir)?.cgroup ?? null;
      const roots = [readClaim(dir), trainer].filter((root) => root !== null);
      const below = roots.filter((root) => isAlive(root)).flatMap(({ pid }) => descendantsOf(pid));
      const all = new Set([...below, ...(cgroup === null ? [] : groupMembers(cgroup))]);
      for (const pid of all) if (seen.size < seenMost) seen.add(pid);
      return [...all];
    },
    seen: (pid) => seen.has(pid),
  };
}
