/** What the registry keeps of runs' metrics: the last value, the least, the greatest, and how many. */
import type { Db } from './database.ts';
import { type Guard, unguarded } from './guard.ts';

/** A row of `metric_keys`. Null is what SQLite makes of NaN. */
export type MetricKeyRow = {
  run_id: string;
  attempt: number;
  key: string;
  source: string;
  seq: number;
  step: string;
  wall: string;
  count: number;
  last: number | null;
  min: number | null;
  max: number | null;
};
export type MetricCountRow = { run_id: string; attempt: number; upto: number; ended: number };

/** How far the streams of the bus were taken in: when each was made, and the sequence. */
export type Position = Record<string, { made: string; seq: number }>;

export type MetricStore = {
  /** All of it, and the position that it is true for, or nothing. */
  save(counts: readonly MetricCountRow[], keys: readonly MetricKeyRow[], at: Position | null): void;
  position(): Position;
  keys(runId: string, attempt: number): MetricKeyRow[];
  count(runId: string, attempt: number): MetricCountRow | undefined;
};

/** What comes late of a run that was removed meanwhile is not kept. */
const ofRun = 'WHERE EXISTS (SELECT 1 FROM runs WHERE run_id = @run_id)';
const positionKey = 'telemetry.position';

export function createMetricStore(db: Db, guard: Guard = unguarded): MetricStore {
  const putKey = db.prepare(
    `INSERT OR REPLACE INTO metric_keys
      SELECT @run_id, @attempt, @key, @source, @seq, @step, @wall, @count, @last, @min, @max ${ofRun}`,
  );
  const putCount = db.prepare(
    `INSERT OR REPLACE INTO metric_counts SELECT @run_id, @attempt, @upto, @ended ${ofRun}`,
  );
  const putMeta = db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)');
  const getMeta = db.prepare<[string], { value: string }>('SELECT value FROM meta WHERE key = ?');
  const getKeys = db.prepare<[string, number], MetricKeyRow>(
    'SELECT * FROM metric_keys WHERE run_id = ? AND attempt = ? ORDER BY key',
  );
  const getCount = db.prepare<[string, number], MetricCountRow>(
    'SELECT * FROM metric_counts WHERE run_id = ? AND attempt = ?',
  );
  const save = db.transaction<MetricStore['save']>((counts, keys, at) => {
    for (const row of counts) putCount.run(row);
    for (const row of keys) putKey.run(row);
    if (at !== null) putMeta.run(positionKey, JSON.stringify(at));
  });
  return {
    save: (...all) => guard.write(() => save(...all)),
    position: () =>
      guard.read(() => JSON.parse(getMeta.get(positionKey)?.value ?? '{}') as Position),
    keys: (runId, attempt) => guard.read(() => getKeys.all(runId, attempt)),
    count: (runId, attempt) => guard.read(() => getCount.get(runId, attempt)),
  };
}
