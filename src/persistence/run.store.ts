/** Runs, transitions, outbox, leases and attempts: every write is one SQLite transaction. */
import type { Statement } from 'better-sqlite3';
import { RunyardError } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import type { Db } from './database.ts';
import { groupStatements } from './groups.ts';
import { type Guard, unguarded } from './guard.ts';
import { leaseStatements, shutStatements } from './leases.ts';
import { type ListFilter, listed, waitingStatements } from './listing.ts';
import { type TransitionRow, toRunEvent } from './transitions.ts';

/** A row of `runs`, columns as in the schema. */
export type RunRow = {
  run_id: string;
  submit_key: string | null;
  submit_digest: string;
  name: string;
  user: string;
  project: string;
  grp: string;
  tags: string;
  status: string;
  state: string;
  attempt: number;
  config: string;
  config_digest: string;
  gpus: number;
  submitted_at: string;
  started_at: string | null;
  finished_at: string | null;
  last_heartbeat: string | null;
  artifact_manifest: string | null;
  failure_reason: string | null;
  failure_cause: string | null;
  pinned_at: string | null;
  gpu_slot: string;
  exit: string | null;
  stop: string | null;
  pause: string | null;
  /** JSON {user, reason, at} while a person keeps it from starting. */
  hold: string | null;
  pid: number | null;
  last_metric: string | null;
  last_seq: number;
  trace_id: string;
  /** Span id of whoever submitted it; empty: nobody named one. */
  trace_parent: string;
  retry_of: string | null;
  machine_version: string;
  snapshot: string | null;
};

export type NewTransition = {
  at: string;
  attempt: number;
  event: string;
  from: string;
  to: string;
  detail: Record<string, unknown>;
  machineVersion: string;
};

/** What a transition changes of its run's row. */
export type RunPatch = Partial<Omit<RunRow, 'run_id' | 'last_seq'>>;
/** The fact that caused the transition: stored with it, so that it is applied once. */
export type FactMark = { attempt: number; generation: number; n: number };
export type AttemptRow = { boot_id: string; generation: number; fact_n: number };
export type RunStore = ReturnType<typeof createRunStore>;

/** The store on an open database. All methods are synchronous and throw registry errors. */
export function createRunStore(db: Db, guard: Guard = unguarded) {
  const cache = new Map<string, Statement>();
  const prepare = (sql: string): Statement => {
    const found = cache.get(sql);
    if (found !== undefined) return found;
    const made = db.prepare(sql);
    cache.set(sql, made);
    return made;
  };
  /** Within a transaction. */
  const run = (sql: string, ...values: unknown[]) => prepare(sql).run(...values);
  /** A transaction of its own. */
  const write = (sql: string, ...values: unknown[]) => guard.write(() => run(sql, ...values));
  const end = (sql: string, ...values: unknown[]) => guard.lastWord(() => run(sql, ...values));
  const all = <T>(sql: string, ...values: unknown[]) =>
    guard.read(() => prepare(sql).all(...values) as T[]);
  const get = <T>(sql: string, ...values: unknown[]) =>
    guard.read(() => prepare(sql).get(...values) as T | undefined);
  const transaction = <A extends unknown[], R>(how: 'write' | 'lastWord', act: (...a: A) => R) => {
    const whole = db.transaction(act);
    return (...args: A): R => guard[how](() => whole(...args));
  };

  const append = (runId: string, seq: number, t: NewTransition): number => {
    const { lastInsertRowid } = run(
      `INSERT INTO transitions (run_id, seq, at, attempt, event, from_state, to_state, detail,
        machine_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    const pos = Number(lastInsertRowid);
    run('INSERT INTO outbox (pos) VALUES (?)', pos);
    return pos;
  };
  /** A run together with its first transition, within a transaction. Returns the transition's position. */
  const insert = (row: Omit<RunRow, 'last_seq'>, first: NewTransition): number => {
    const full: RunRow = { ...row, last_seq: 1 };
    const columns = Object.keys(full);
    run(
      `INSERT INTO runs (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      ...Object.values(full),
    );
    return append(row.run_id, 1, first);
  };
  const markFact = (runId: string, fact: FactMark): void => {
    const { changes } = run(
      'UPDATE attempts SET fact_n = ? WHERE run_id = ? AND attempt = ? AND generation = ? AND fact_n = ?',
      fact.n,
      runId,
      fact.attempt,
      fact.generation,
      fact.n - 1,
    );
    if (changes !== 1)
      throw new RunyardError('internal', `fact ${fact.n} of ${runId} is out of order`);
  };
  const patch = (runId: string, seq: number, changes: RunPatch): void => {
    const columns = Object.keys(changes);
    const sets = ['last_seq = ?', ...columns.map((column) => `${column} = ?`)].join(', ');
    run(`UPDATE runs SET ${sets} WHERE run_id = ?`, seq, ...Object.values(changes), runId);
  };

  return {
    /** Inserts as `act` asks for, in one transaction: all or none. */
    insertAll: transaction('write', (act: (one: typeof insert) => void): void => act(insert)),

    /** Commits one transition: the run's row, the transition, its outbox row, the fact's mark. */
    commit: transaction(
      'lastWord',
      (runId: string, seq: number, t: NewTransition, changes: RunPatch, fact: FactMark | null) => {
        patch(runId, seq, changes);
        if (fact !== null) markFact(runId, fact);
        failpoint('commit.within');
        return append(runId, seq, t);
      },
    ),

    /** Marks a fact that changed nothing in the chart as applied. */
    markFact: transaction('lastWord', markFact),

    run: (runId: string) => get<RunRow>('SELECT * FROM runs WHERE run_id = ?', runId),
    runByKey: (key: string) => get<RunRow>('SELECT * FROM runs WHERE submit_key = ?', key),
    /** In the order of their submits, each with the position of its first transition. */
    unfinished: () =>
      all<RunRow & { position: number }>(
        `SELECT runs.*, first.pos AS position FROM runs
          JOIN transitions first ON first.run_id = runs.run_id AND first.seq = 1
          WHERE finished_at IS NULL ORDER BY first.pos`,
      ),
    /** How long the newest completed runs took, the newest submit first. */
    completedLately: (limit: number) =>
      all<{ run_id: string; config: string; started_at: string; finished_at: string }>(
        `SELECT run_id, config, started_at, finished_at FROM runs
          WHERE status = 'completed' AND started_at IS NOT NULL ORDER BY submitted_at DESC LIMIT ?`,
        limit,
      ),
    list: (filter: ListFilter) => listed(all, filter),
    ...waitingStatements({ all }),
    ...groupStatements({ all }),
    idsByPrefix: (prefix: string) =>
      all<{ run_id: string }>(
        'SELECT run_id FROM runs WHERE run_id >= ? AND run_id < ? LIMIT 5',
        prefix,
        `${prefix}~`,
      ).map((row) => row.run_id),
    newestByName: (name: string) =>
      get<{ run_id: string }>(
        'SELECT run_id FROM runs WHERE name = ? ORDER BY submitted_at DESC LIMIT 1',
        name,
      )?.run_id,
    newest: () =>
      get<{ run_id: string }>(
        'SELECT run_id FROM runs ORDER BY submitted_at DESC, run_id DESC LIMIT 1',
      )?.run_id,
    /** The newest run that is a retry of it. */
    retryOf: (runId: string) =>
      get<{ run_id: string }>(
        'SELECT run_id FROM runs WHERE retry_of = ? ORDER BY submitted_at DESC, run_id DESC LIMIT 1',
        runId,
      )?.run_id,
    setHeartbeat: (runId: string, at: string, lastMetric: string | null) =>
      write(
        'UPDATE runs SET last_heartbeat = ?, last_metric = coalesce(?, last_metric) WHERE run_id = ?',
        at,
        lastMetric,
        runId,
      ),

    setPinned: (runId: string, at: string | null) =>
      write('UPDATE runs SET pinned_at = ? WHERE run_id = ?', at, runId),
    /** Its artifacts are gone. */
    forgetArtifacts: (runId: string) =>
      end('UPDATE runs SET artifact_manifest = NULL WHERE run_id = ?', runId),

    /** Events of a run from `fromSeq` up to position `uptoPos`. */
    events: (runId: string, fromSeq: number, uptoPos: number, limit: number) =>
      all<TransitionRow>(
        'SELECT * FROM transitions WHERE run_id = ? AND seq >= ? AND pos <= ? ORDER BY seq LIMIT ?',
        runId,
        fromSeq,
        uptoPos,
        limit,
      ).map(toRunEvent),
    /** Events of all runs after a position, up to another one. */
    yardEvents: (afterPos: number, uptoPos: number, limit: number) =>
      all<TransitionRow>(
        'SELECT * FROM transitions WHERE pos > ? AND pos <= ? ORDER BY pos LIMIT ?',
        afterPos,
        uptoPos,
        limit,
      ).map(toRunEvent),
    lastPos: () => get<{ pos: number | null }>('SELECT max(pos) AS pos FROM transitions')?.pos ?? 0,

    /** By way of the outbox, which is short: the planner would begin with all transitions that there ever were. */
    outbox: (limit: number, afterPos: number, uptoPos: number) =>
      all<TransitionRow>(
        `SELECT t.* FROM outbox CROSS JOIN transitions t USING (pos)
          WHERE outbox.pos > ? AND outbox.pos <= ? ORDER BY outbox.pos LIMIT ?`,
        afterPos,
        uptoPos,
        limit,
      ).map(toRunEvent),
    outboxDone: (uptoPos: number) => write('DELETE FROM outbox WHERE pos <= ?', uptoPos),
    /** When the oldest of them was committed; undefined: there is none. */
    outboxSince: () =>
      get<{ at: string }>('SELECT at FROM outbox JOIN transitions USING (pos) ORDER BY pos LIMIT 1')
        ?.at,
    /** When a run came into the queue the last time. */
    queuedSince: (runId: string) =>
      get<{ at: string }>(
        `SELECT at FROM transitions WHERE run_id = ? AND to_state = 'queued' AND from_state <> 'queued'
          ORDER BY seq DESC LIMIT 1`,
        runId,
      )?.at,
    outboxDepth: () => get<{ n: number }>('SELECT count(*) AS n FROM outbox')?.n ?? 0,
    /** Queues again what comes after a position: all of it after 0. */
    outboxRebuild: (afterPos: number) =>
      write(
        'INSERT OR IGNORE INTO outbox (pos) SELECT pos FROM transitions WHERE pos > ?',
        afterPos,
      ),

    ...leaseStatements({ run, all, end, write: (act) => transaction('write', act) }),
    ...shutStatements({ all, end }),

    attempt: (runId: string, attempt: number) =>
      get<AttemptRow>(
        'SELECT boot_id, generation, fact_n FROM attempts WHERE run_id = ? AND attempt = ?',
        runId,
        attempt,
      ),
    /** A new worker generation: facts of older ones are refused from here on. Returns it. */
    nextGeneration: transaction(
      'lastWord',
      (runId: string, attempt: number, bootId: string): number => {
        run(
          `INSERT INTO attempts (run_id, attempt, boot_id, generation, fact_n) VALUES (?, ?, ?, 1, 0)
          ON CONFLICT DO UPDATE SET generation = generation + 1, fact_n = 0`,
          runId,
          attempt,
          bootId,
        );
        return (
          get<AttemptRow>(
            'SELECT boot_id, generation, fact_n FROM attempts WHERE run_id = ? AND attempt = ?',
            runId,
            attempt,
          )?.generation ?? 1
        );
      },
    ),

    meta: (key: string) =>
      get<{ value: string }>('SELECT value FROM meta WHERE key = ?', key)?.value,
    setMeta: (key: string, value: string) =>
      write(
        'INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
        key,
        value,
      ),
  };
}
