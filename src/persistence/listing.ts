/** The list of runs: newest first, by what people know of a run, in pages. */
import { RunyardError } from '../errors.ts';
import { conditions } from './conditions.ts';
import type { Sql } from './leases.ts';
import type { RunRow } from './run.store.ts';

/** Empty strings ask for nothing; `limit` 0 means 1,000. */
export type ListFilter = {
  all: boolean;
  user: string;
  /** One status, or several with commas between. */
  status: string;
  group: string;
  limit: number;
  project?: string;
  /** Part of an id, a name, a tag, of the configuration …, in any case. */
  search?: string;
  /** The last run of the page before: its `submitted_at`, a space, its id. */
  after?: string;
};

type All = <T>(sql: string, ...values: unknown[]) => T[];

/** Throws `usage` when `after` is no such place. */
export function listed(all: All, filter: ListFilter): RunRow[] {
  const { user, status, group, limit, project = '', search = '', after = '' } = filter;
  const text =
    "run_id || ' ' || name || ' ' || user || ' ' || project || ' ' || grp || ' ' || config";
  const statuses = JSON.stringify(status.split(',').map((one) => one.trim()));
  const place = after === '' ? [] : placeOf(after);
  const [where, values] = conditions([
    [!filter.all, 'finished_at IS NULL'],
    [user !== '', 'user = ?', user],
    [project !== '', 'project = ?', project],
    // The second half lets the index of groups be used.
    [group !== '', "grp = ? AND grp <> ''", group],
    [status !== '', 'status IN (SELECT value FROM json_each(?))', statuses],
    [search !== '', `instr(lower(${text}), ?) > 0`, search.toLowerCase()],
    [after !== '', '(submitted_at, run_id) < (?, ?)', ...place],
  ]);
  return all<RunRow>(
    `SELECT * FROM runs ${where} ORDER BY submitted_at DESC, run_id DESC LIMIT ?`,
    ...values,
    limit === 0 ? 1000 : limit,
  );
}

function placeOf(after: string): [string, string] {
  const [at, runId, ...more] = after.split(' ');
  if (at !== undefined && runId !== undefined && more.length === 0) return [at, runId];
  const rule = `must be the submitted_at and the run_id of a run, with a space between, not "${after}"`;
  const violations = [{ field: 'after', rule, hint: 'take it from the last run of a page' }];
  throw new RunyardError('usage', 'the list cannot go on from there', { violations });
}

export function waitingStatements({ all }: Pick<Sql, 'all'>) {
  return {
    /** Runs that nobody holds, that still wait, and were submitted in a span of time (from not counted). */
    waitingSince: (from: string, upto: string) =>
      all<{ run_id: string; submitted_at: string }>(
        `SELECT run_id, submitted_at FROM runs WHERE finished_at IS NULL AND started_at IS NULL
          AND status = 'queued' AND hold IS NULL AND submitted_at > ? AND submitted_at <= ?`,
        from,
        upto,
      ),
  };
}
