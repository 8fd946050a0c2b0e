/** What has become, by its directory, of a run that no daemon looks after now. */
import { readJob } from '../executors/index.ts';
import type { RunRow } from '../persistence/index.ts';
import { attemptDir, type ExitRecord, judge } from '../rundir/index.ts';

/** A sentence; empty for a run of which nothing was begun. */
export function stateOfAttempt(root: string, row: Pick<RunRow, 'run_id' | 'attempt'>): string {
  try {
    const job = readJob(attemptDir(root, row.run_id, row.attempt));
    const verdict = judge(attemptDir(root, row.run_id, row.attempt));
    switch (verdict.kind) {
      case 'exited':
        return `${endOf(verdict.record)}; taken up by the next daemon`;
      case 'started':
        if (verdict.otherBoot) return 'the machine was restarted while it ran';
        if (verdict.trainerAlive) return `lives (pid ${verdict.trainer?.pid}), no daemon`;
        return verdict.recorderAlive ? 'is being started' : 'is gone, and nobody saw how it ended';
      case 'claimed':
        return 'was about to start when the daemon ended';
      default:
        if (job === null) return 'waits for a daemon';
        if (job.claim !== null) return `is job ${job.claim.job} on ${job.claim.node}, no daemon`;
        return job.job === null ? 'was being handed to Slurm' : `waits in Slurm as job ${job.job}`;
    }
  } catch {
    return 'its directory cannot be read';
  }
}

function endOf(record: ExitRecord): string {
  if (record.kind === 'exited') return `exited ${record.code}`;
  if (record.kind === 'signaled') return `ended by ${record.signal}`;
  return record.message ?? 'could not be started';
}
