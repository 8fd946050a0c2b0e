/** Groups of runs, counted without reading their rows. */
import { conditions } from './conditions.ts';
import type { Sql } from './leases.ts';

/** How many runs of a group have a status, and from when to when these were under way. */
export type GroupCount = {
  status: string;
  runs: number;
  submitted_at: string;
  started_at: string | null;
  finished_at: string | null;
};

/** Of a list whose length was not said. */
const listedMost = 1000;

export function groupStatements({ all }: Pick<Sql, 'all'>) {
  return {
    /** By status; none for a group that is not known. */
    groupCounts: (group: string) =>
      all<GroupCount>(
        `SELECT status, count(*) AS runs, min(submitted_at) AS submitted_at,
          min(started_at) AS started_at, max(finished_at) AS finished_at
          FROM runs WHERE grp = ? AND grp <> '' GROUP BY status`,
        group,
      ),
    /** Those of them that are over and in whose place a newer one stands: how many of each status. */
    groupSuperseded: (group: string) =>
      all<{ status: string; runs: number }>(
        `WITH retries AS MATERIALIZED (
            SELECT run_id, retry_of, submitted_at FROM runs
              WHERE grp = ? AND grp <> '' AND retry_of IS NOT NULL),
          superseded AS (
            SELECT retry_of AS run_id FROM retries
            UNION
            SELECT older.run_id FROM retries older JOIN retries newer
              ON newer.retry_of = older.retry_of
              AND (newer.submitted_at, newer.run_id) > (older.submitted_at, older.run_id))
          SELECT status, count(*) AS runs FROM superseded JOIN runs USING (run_id)
            WHERE grp = ? AND finished_at IS NOT NULL GROUP BY status`,
        group,
        group,
      ),
    groupHeld: (group: string) =>
      all<{ n: number }>(
        `SELECT count(*) AS n FROM runs
          WHERE grp = ? AND grp <> '' AND status = 'queued' AND hold IS NOT NULL`,
        group,
      )[0]?.n ?? 0,
    /** Names of groups, the one with the newest run first. */
    groupNames({ all: over, user, limit }: { all: boolean; user: string; limit: number }) {
      const [where, values] = conditions([
        [true, "grp <> ''"],
        [!over, 'finished_at IS NULL'],
        [user !== '', 'user = ?', user],
      ]);
      return all<{ grp: string }>(
        `SELECT grp FROM runs ${where} GROUP BY grp ORDER BY max(submitted_at) DESC LIMIT ?`,
        ...values,
        limit === 0 ? listedMost : limit,
      ).map(({ grp }) => grp);
    },
    /** Runs of a group that nobody has asked to stop yet, those that wait before all others. */
    groupUnstopped: (group: string) =>
      all<{ run_id: string; state: string }>(
        `SELECT run_id, state FROM runs
          WHERE grp = ? AND grp <> '' AND finished_at IS NULL AND stop IS NULL
          ORDER BY state <> 'queued', submitted_at, run_id`,
        group,
      ),
  };
}
