/** Who holds which slot: a row each. The primary key, and a trigger for shares, refuse a double lease. */
import { excludeEachOther } from '../slots.ts';

export type LeaseRow = {
  slot: string;
  run_id: string;
  attempt: number;
  since: string;
  quarantined_at: string | null;
};

/** What of a store's way with its database is needed here. */
export type Sql = {
  /** Within a transaction. */
  run: (sql: string, ...values: unknown[]) => unknown;
  all: <T>(sql: string, ...values: unknown[]) => T[];
  /** A transaction of its own, done although the disk is nearly full. */
  end: (sql: string, ...values: unknown[]) => unknown;
  write: <A extends unknown[], R>(act: (...values: A) => R) => (...values: A) => R;
};

export function leaseStatements({ run, all, end, write }: Sql) {
  return {
    leases: () => all<LeaseRow>('SELECT * FROM leases'),
    /** All or none; false when any slot is held by another attempt. Idempotent for the same one. */
    lease: write((runId: string, attempt: number, slots: readonly string[], at: string) => {
      const held = all<LeaseRow>('SELECT * FROM leases').filter((lease) =>
        slots.some((slot) => excludeEachOther(slot, lease.slot)),
      );
      if (held.some((lease) => lease.run_id !== runId || lease.attempt !== attempt)) return false;
      for (const slot of slots) {
        run(
          'INSERT OR IGNORE INTO leases (slot, run_id, attempt, since) VALUES (?, ?, ?, ?)',
          slot,
          runId,
          attempt,
          at,
        );
      }
      return true;
    }),
    quarantined: () => all<LeaseRow>('SELECT * FROM leases WHERE quarantined_at IS NOT NULL'),
    /** Keeps the slots of an attempt from everybody: something that holds them does not die. */
    quarantine: (runId: string, attempt: number, at: string) =>
      end(
        'UPDATE leases SET quarantined_at = ? WHERE run_id = ? AND attempt = ?',
        at,
        runId,
        attempt,
      ),
    releaseLease: (slot: string) => end('DELETE FROM leases WHERE slot = ?', slot),
    releaseLeases: (runId: string, attempt: number) =>
      end('DELETE FROM leases WHERE run_id = ? AND attempt = ?', runId, attempt),
  };
}

/** What is given to nobody: the yard as a whole, or a GPU. */
export type ShutRow = {
  /** `yard`, or a GPU. */
  target: string;
  /** `drained` by a person, or set `aside` by the daemon. */
  kind: string;
  user: string;
  reason: string;
  at: string;
};

export function shutStatements({ all, end }: Pick<Sql, 'all' | 'end'>) {
  return {
    shut: () => all<ShutRow>('SELECT * FROM shut'),
    setShut: (row: ShutRow) =>
      end(
        `INSERT INTO shut (target, kind, user, reason, at) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET kind = excluded.kind, user = excluded.user,
          reason = excluded.reason, at = excluded.at`,
        row.target,
        row.kind,
        row.user,
        row.reason,
        row.at,
      ),
    clearShut: (target: string) => end('DELETE FROM shut WHERE target = ?', target),
  };
}
