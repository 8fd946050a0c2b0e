/**
 * Runs that were removed: nothing is left of one but its last event, `run.deleted`, which is published like
 * any other and stays, so that whoever comes later learns of it too.
 */
import assert from 'node:assert/strict';
import type { Db } from './database.ts';
import { type Guard, unguarded } from './guard.ts';
import type { RunRow } from './run.store.ts';

export const deletedEvent = 'run.deleted';
export type Tombstone = { pos: number; run_id: string; at: string };
export type Removals = ReturnType<typeof createRemovals>;

export function createRemovals(db: Db, guard: Guard = unguarded) {
  /** Whatever has a column for the run, but the transitions, which keep the last one. */
  const tables = (): string[] =>
    db
      .prepare<[], { name: string }>(
        `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
          WHERE m.type = 'table' AND c.name = 'run_id' AND m.name <> 'transitions'`,
      )
      .all()
      .map(({ name }) => name);
  const remove = db.transaction((runId: string, at: string, detail: object): number => {
    const row = db.prepare<[string], RunRow>('SELECT * FROM runs WHERE run_id = ?').get(runId);
    assert(row !== undefined && row.finished_at !== null, `run ${runId} is not over`);
    const { lastInsertRowid } = db
      .prepare(
        `INSERT INTO transitions (run_id, seq, at, attempt, event, from_state, to_state, detail,
          machine_version) VALUES (?, ?, ?, ?, ?, ?, 'deleted', ?, ?)`,
      )
      .run(
        runId,
        row.last_seq + 1,
        at,
        row.attempt,
        deletedEvent,
        row.state,
        JSON.stringify(detail),
        row.machine_version,
      );
    const pos = Number(lastInsertRowid);
    const older = 'SELECT pos FROM transitions WHERE run_id = ? AND pos < ?';
    db.prepare(`DELETE FROM outbox WHERE pos IN (${older})`).run(runId, pos);
    db.prepare('DELETE FROM transitions WHERE run_id = ? AND pos < ?').run(runId, pos);
    for (const table of tables()) db.prepare(`DELETE FROM ${table} WHERE run_id = ?`).run(runId);
    db.prepare('INSERT INTO outbox (pos) VALUES (?)').run(pos);
    return pos;
  });
  return {
    /** Leaves of a run that is over nothing but the event that says so. Returns its position. */
    remove: (runId: string, at: string, detail: object): number =>
      guard.lastWord(() => remove(runId, at, detail)),
    /** When a run was removed; undefined when none of this id was. */
    removedAt: (runId: string): string | undefined =>
      guard.read(
        () =>
          db
            .prepare<[string, string], { at: string }>(
              'SELECT at FROM transitions WHERE run_id = ? AND event = ?',
            )
            .get(runId, deletedEvent)?.at,
      ),
    /** Those after a position, in order. */
    after: (pos: number): Tombstone[] =>
      guard.read(() =>
        db
          .prepare<[number, string], Tombstone>(
            'SELECT pos, run_id, at FROM transitions WHERE pos > ? AND event = ? ORDER BY pos',
          )
          .all(pos, deletedEvent),
      ),
  };
}
