/** Fills a new registry with runs that are known from elsewhere: all or nothing, in the order of time. */
import type { Db } from './database.ts';
import type { NewTransition, RunRow } from './run.store.ts';

export type KnownRun = {
  row: RunRow;
  /** From the first on. */
  events: NewTransition[];
  attempts: { attempt: number; boot_id: string; generation: number }[];
  leases: { slot: string; attempt: number; quarantined: boolean }[];
};

/** A key or a slot that two runs claim goes to the first one. */
export function writeHistory(db: Db, runs: readonly KnownRun[], at: string): void {
  const transition = db.prepare(
    `INSERT INTO transitions (run_id, seq, at, attempt, event, from_state, to_state, detail,
      machine_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const outbox = db.prepare('INSERT INTO outbox (pos) VALUES (?)');
  const attempt = db.prepare(
    'INSERT INTO attempts (run_id, attempt, boot_id, generation, fact_n) VALUES (?, ?, ?, ?, 0)',
  );
  const lease = db.prepare(
    `INSERT OR IGNORE INTO leases (slot, run_id, attempt, since, quarantined_at)
      VALUES (?, ?, ?, ?, ?)`,
  );
  const keys = new Set<string>();
  const insertRun = ({ row, events }: KnownRun): void => {
    const { submit_key: key } = row;
    const full = { ...row, last_seq: events.length, submit_key: key && keys.has(key) ? null : key };
    if (key !== null) keys.add(key);
    const columns = Object.keys(full);
    db.prepare(
      `INSERT INTO runs (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
    ).run(...Object.values(full));
  };
  db.transaction(() => {
    for (const run of runs) {
      const { run_id: runId } = run.row;
      insertRun(run);
      for (const each of run.attempts)
        attempt.run(runId, each.attempt, each.boot_id, each.generation);
      for (const each of run.leases)
        lease.run(each.slot, runId, each.attempt, at, each.quarantined ? at : null);
    }
    for (const { runId, seq, t } of inOrder(runs)) {
      const { lastInsertRowid } = transition.run(
        runId,
        seq,
        t.at,
        t.attempt,
        t.event,
        t.from,
        t.to,
        JSON.stringify(t.detail),
        t.machineVersion,
      );
      outbox.run(lastInsertRowid);
    }
  })();
}

/** All transitions by their time; those of one run stay in their own order. */
function inOrder(
  runs: readonly KnownRun[],
): { runId: string; seq: number; t: NewTransition; sortBy: string }[] {
  const all = runs.flatMap(({ row, events }) => {
    let latest = '';
    return events.map((t, index) => {
      latest = t.at > latest ? t.at : latest;
      return { runId: row.run_id, seq: index + 1, t, sortBy: latest };
    });
  });
  return all.sort((a, b) => (a.sortBy < b.sortBy ? -1 : a.sortBy > b.sortBy ? 1 : 0));
}
