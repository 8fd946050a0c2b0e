/** What has become, by its directory, of a run that no daemon looks after now. */
import type { RunRow } from '../persistence/index.ts';
import { attemptDir, type ExitRecord, judge } from '../rundir/index.ts';

/** A sentence; empty for a run of which nothing was begun. */
export function stateOfAttempt(root: string, row: Pick<RunRow, 'run_id' | 'attempt'>): string {
  try {
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
        return 'waits for a daemon';
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
