/** The audit log, with what the daemon itself has to say in it: when it began to serve, and when it ended. */
import { type AuditBook, nothingSaid, openAuditBook } from '../audit/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';

export type DaemonAudit = Omit<AuditBook, 'close'> & {
  started(rebuilt: boolean): void;
  /** Resolves when all lines are in the file, or given up; the doors are closed before. */
  stopped(liveRuns: number): Promise<void>;
};

export function openAudit(options: {
  root: string;
  version: string;
  clock: Clock;
  log: Logger;
}): DaemonAudit {
  const { version } = options;
  const { close, ...book } = openAuditBook(options);
  let serves = false;
  return {
    ...book,
    started(rebuilt) {
      serves = true;
      const about = { version, pid: process.pid, ...(rebuilt ? { registry_rebuilt: true } : {}) };
      book.done({ ...nothingSaid, what: 'DaemonStarted', about }, 'ok');
    },
    async stopped(liveRuns) {
      const about = { pid: process.pid, live_runs: liveRuns };
      if (serves) book.done({ ...nothingSaid, what: 'DaemonStopped', about }, 'ok');
      await close();
    },
  };
}
