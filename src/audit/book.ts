/**
 * The audit log of a daemon: a line for each call that changes something, and for what the gate refused. Refusals are
 * bounded in time, so that whoever knocks cannot push out of the files what others did.
 */
import type { Clock, Logger } from '../telemetry/index.ts';
import { type Asked, type AuditEntry, lineOf, nothingSaid } from './entry.ts';
import { openAuditFile } from './file.ts';
import { auditFiles, fileMaxBytes } from './places.ts';

/** What the transports tell. Neither throws, and neither waits for the disk. */
export type Audit = {
  /** A call that was let in, when it is known what came of it: `ok`, or the code of the error. */
  done(asked: Asked, outcome: string): void;
  /** A call that the gate did not let in. */
  refused(asked: Asked, outcome: string): void;
};

export type AuditBook = Audit & {
  /** Why lines are not in the file, or null. */
  trouble(): string | null;
  /** Resolves when all lines are in the file, or given up. */
  close(): Promise<void>;
};

/** Refusals with a line of their own at once, and one more after so long; the rest is counted. */
const refusalsAtOnce = 30;
const refusalEveryMs = 60_000;

export function openAuditBook(options: {
  root: string;
  clock: Clock;
  log: Logger;
  maxBytes?: number;
}): AuditBook {
  const { root, clock, log, maxBytes = fileMaxBytes } = options;
  const line = (asked: Asked, outcome: string): string => {
    const entry: AuditEntry = { v: 1, at: clock.iso(), ...asked, outcome };
    return lineOf(entry);
  };
  const file = openAuditFile({
    files: auditFiles(root),
    maxBytes,
    missed: (count) => line({ ...nothingSaid, what: 'LinesLost', about: { lines: count } }, 'ok'),
  });
  let budget = refusalsAtOnce;
  let budgetAtMs = clock.now().mono_ms;
  let untold = 0;
  let callOff: () => void = () => undefined;

  const mayTell = (): boolean => {
    const passed = Math.floor((clock.now().mono_ms - budgetAtMs) / refusalEveryMs);
    budgetAtMs += passed * refusalEveryMs;
    budget = Math.min(refusalsAtOnce, budget + passed);
    if (budget < 1) return false;
    budget -= 1;
    return true;
  };
  const tellUntold = (): void => {
    callOff();
    if (untold === 0) return;
    const about = { calls: untold };
    untold = 0;
    file.add(line({ ...nothingSaid, what: 'MoreRefused', about }, 'ok'));
  };
  return {
    done: (asked, outcome) => file.add(line(asked, outcome)),
    refused(asked, outcome) {
      if (mayTell()) {
        tellUntold();
        file.add(line(asked, outcome));
        return;
      }
      if (untold === 0) callOff = clock.after(refusalEveryMs, tellUntold);
      untold += 1;
    },
    trouble: file.trouble,
    async close() {
      tellUntold();
      const lost = await file.close();
      if (lost > 0) log.error({ lost }, 'lines of the audit log could not be written');
    },
  };
}
