/**
 * Attempts whose jobs Slurm was not seen to be done with, an empty file each: a daemon that dies before it has looked
 * leaves that to the next one. Without it a job whose slurmstepd was killed would hold its node for ever.
 */
import fs from 'node:fs';
import path from 'node:path';
import { makeDirectory } from '../../rundir/index.ts';

export type OpenJobs = {
  note(runId: string, attempt: number): void;
  forget(runId: string, attempt: number): void;
  all(): { runId: string; attempt: number }[];
};

/** Not there before the first job. */
export function jobsDir(root: string): string {
  return path.join(root, 'jobs');
}

/** `dir` is made when it is needed. */
export function createOpenJobs(dir: string): OpenJobs {
  const fileOf = (runId: string, attempt: number): string => path.join(dir, `${runId}.${attempt}`);
  return {
    note(runId, attempt) {
      makeDirectory(dir);
      fs.closeSync(fs.openSync(fileOf(runId, attempt), 'a', 0o600));
    },
    forget(runId, attempt) {
      fs.rmSync(fileOf(runId, attempt), { force: true });
    },
    all() {
      if (!fs.existsSync(dir)) return [];
      return fs.readdirSync(dir).flatMap((name) => {
        const [, runId, attempt] = /^(.+)\.(\d+)$/.exec(name) ?? [];
        return runId === undefined ? [] : [{ runId, attempt: Number(attempt) }];
      });
    },
  };
}
