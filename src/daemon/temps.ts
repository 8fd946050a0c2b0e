/** Temporary directories of attempts: removed when one is released, and once at the start for the rest. */
import fs from 'node:fs';
import path from 'node:path';
import { foundTemps, pruneTemp } from '../executors/index.ts';
import { attemptDir, attemptFiles } from '../rundir/index.ts';
import type { Logger } from '../telemetry/index.ts';

type Attempt = { runId: string; attempt: number };

/** What takes longer is removed behind the back of the run's end: its GPUs are wanted. */
const patienceMs = 10_000;

export type Temps = ReturnType<typeof createTemps>;

export function createTemps(options: { root: string; log: Logger }) {
  const { root, log } = options;
  const prune = async (which: Attempt, known: string | null): Promise<boolean> => {
    try {
      await pruneTemp(which, known);
      return true;
    } catch (error) {
      log.warn({ ...which, err: error }, 'a temporary directory could not be removed');
      return false;
    }
  };
  return {
    async release(which: Attempt): Promise<void> {
      const late = new Promise((resolve) => setTimeout(resolve, patienceMs).unref());
      await Promise.race([prune(which, madeFor(root, which)), late]);
    },
    /** Removes those of attempts that are surely over. Resolves with their number. */
    async sweep(isOver: (runId: string, attempt: number) => boolean): Promise<number> {
      let pruned = 0;
      for (const { dir, ...which } of foundTemps()) {
        if (isOver(which.runId, which.attempt) && (await prune(which, dir))) pruned += 1;
      }
      return pruned;
    },
  };
}

/** Null when the attempt's directory does not say, or is gone. */
function madeFor(root: string, { runId, attempt }: Attempt): string | null {
  try {
    const file = path.join(attemptDir(root, runId, attempt), attemptFiles.spec);
    return (JSON.parse(fs.readFileSync(file, 'utf8')) as { temp?: string | null }).temp ?? null;
  } catch {
    return null;
  }
}
