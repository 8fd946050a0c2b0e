/** The list of runs: newest first, by what people know of a run, in pages. */
import { RunyardError } from '../errors.ts';
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
  const where: string[] = [];
  const values: unknown[] = [];
  const only = (sql: string, ...given: unknown[]): void => {
    where.push(sql);
    values.push(...given);
  };
  if (!filter.all) only('finished_at IS NULL');
  if (user !== '') only('user = ?', user);
  if (project !== '') only('project = ?', project);
  // The second half lets the index of groups be used.
  if (group !== '') only("grp = ? AND grp <> ''", group);
  if (status !== '') {
    const wanted = status.split(',').map((one) => one.trim());
    only('status IN (SELECT value FROM json_each(?))', JSON.stringify(wanted));
  }
  if (search !== '') {
    const text =
      "run_id || ' ' || name || ' ' || user || ' ' || project || ' ' || grp || ' ' || config";
    only(`instr(lower(${text}), ?) > 0`, search.toLowerCase());
  }
  if (after !== '') only('(submitted_at, run_id) < (?, ?)', ...placeOf(after));
  const conditions = where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`;
  return all<RunRow>(
    `SELECT * FROM runs ${conditions} ORDER BY submitted_at DESC, run_id DESC LIMIT ?`,
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
