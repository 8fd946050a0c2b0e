/**
 * What spans are made of, read by a connection of its own, for a thread that exports: it looks on and holds
 * nobody up, since each read is a short transaction of a log that writers go on with.
 */
import Database from 'better-sqlite3';
import type { RunRow } from './run.store.ts';
import type { TransitionRow } from './transitions.ts';

export type TraceRow = Omit<TransitionRow, 'machine_version'>;
export type TraceRun = Pick<
  RunRow,
  | 'run_id'
  | 'trace_id'
  | 'trace_parent'
  | 'name'
  | 'user'
  | 'project'
  | 'grp'
  | 'retry_of'
  | 'failure_reason'
>;
export type TraceReader = ReturnType<typeof openTraceReader>;

const columns = 'pos, run_id, seq, at, attempt, event, from_state, to_state, detail';

export function openTraceReader(file: string) {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  const after = db.prepare<[number, number, number], TraceRow>(
    `SELECT ${columns} FROM transitions WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT ?`,
  );
  const before = db.prepare<[string, number], TraceRow>(
    `SELECT ${columns} FROM transitions WHERE run_id = ? AND seq < ? ORDER BY seq`,
  );
  const run = db.prepare<[string], TraceRun>(
    `SELECT run_id, trace_id, trace_parent, name, user, project, grp, retry_of, failure_reason
      FROM runs WHERE run_id = ?`,
  );
  const first = db.prepare<[string], Pick<TraceRun, 'run_id' | 'trace_id'>>(
    `SELECT run_id, trace_id FROM runs WHERE grp = ? AND grp <> ''
      ORDER BY submitted_at, run_id LIMIT 1`,
  );
  const unfinished = db.prepare<[], { pos: number | null }>(
    `SELECT min(first.pos) - 1 AS pos FROM runs
      JOIN transitions first ON first.run_id = runs.run_id AND first.seq = 1
      WHERE finished_at IS NULL`,
  );
  const newest = db.prepare<[], { pos: number | null }>('SELECT max(pos) AS pos FROM transitions');
  return {
    /** Position before the submit of the oldest run that is not over; the newest one when all are. */
    beforeUnfinished: (): number => unfinished.get()?.pos ?? newest.get()?.pos ?? 0,
    /** Transitions after a position, up to another one. */
    after: (pos: number, uptoPos: number, limit: number): TraceRow[] =>
      after.all(pos, uptoPos, limit),
    /** Those of a run before one of its numbers. */
    before: (runId: string, seq: number): TraceRow[] => before.all(runId, seq),
    /** Undefined for one that was removed. */
    run: (runId: string): TraceRun | undefined => run.get(runId),
    firstOfGroup: (group: string): Pick<TraceRun, 'run_id' | 'trace_id'> | undefined =>
      first.get(group),
    close: () => void db.close(),
  };
}
