/**
 * The registry's schema, forward only. A released migration is never edited; `PRAGMA user_version` says
 * how many were applied, and a registry from the future is refused.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE runs (
    run_id            TEXT PRIMARY KEY,
    submit_key        TEXT UNIQUE,
    submit_digest     TEXT NOT NULL,
    name              TEXT NOT NULL,
    user              TEXT NOT NULL,
    project           TEXT NOT NULL,
    grp               TEXT NOT NULL,
    tags              TEXT NOT NULL,          -- JSON array
    status            TEXT NOT NULL,
    state             TEXT NOT NULL,          -- dotted state of the chart
    attempt           INTEGER NOT NULL,
    config            TEXT NOT NULL,          -- JSON, validated
    config_digest     TEXT NOT NULL,          -- sha256, hex
    gpus              INTEGER NOT NULL,
    submitted_at      TEXT NOT NULL,
    started_at        TEXT,
    finished_at       TEXT,
    last_heartbeat    TEXT,
    artifact_manifest TEXT,                   -- path
    failure_reason    TEXT,                   -- JSON {code, text}
    gpu_slot          TEXT NOT NULL,          -- JSON array
    exit              TEXT,                   -- JSON
    stop              TEXT,                   -- JSON {user, reason, at}
    pid               INTEGER,
    last_metric       TEXT,
    last_seq          INTEGER NOT NULL,
    trace_id          TEXT NOT NULL,
    retry_of          TEXT,
    machine_version   TEXT NOT NULL,
    snapshot          TEXT                    -- JSON; null once done
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX runs_unfinished ON runs (submitted_at) WHERE finished_at IS NULL;
  CREATE INDEX runs_by_time ON runs (submitted_at);
  CREATE INDEX runs_by_name ON runs (name, submitted_at);

  CREATE TABLE transitions (
    pos             INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id          TEXT NOT NULL,
    seq             INTEGER NOT NULL,
    at              TEXT NOT NULL,
    attempt         INTEGER NOT NULL,
    event           TEXT NOT NULL,
    from_state      TEXT NOT NULL,
    to_state        TEXT NOT NULL,
    detail          TEXT NOT NULL,            -- JSON object
    machine_version TEXT NOT NULL,
    UNIQUE (run_id, seq)
  ) STRICT;

  -- Rows not yet acknowledged by the bus; the message is made from the transition.
  CREATE TABLE outbox (pos INTEGER PRIMARY KEY REFERENCES transitions (pos)) STRICT;

  -- One row a slot: the primary key is what refuses a double lease.
  CREATE TABLE leases (
    slot    TEXT PRIMARY KEY,
    run_id  TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    since   TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE attempts (
    run_id     TEXT NOT NULL,
    attempt    INTEGER NOT NULL,
    boot_id    TEXT NOT NULL,
    generation INTEGER NOT NULL,              -- of the worker that may speak for it
    fact_n     INTEGER NOT NULL,              -- last fact applied of that generation
    PRIMARY KEY (run_id, attempt)
  ) STRICT, WITHOUT ROWID;

  -- The checkpoint schedule as it was kept (requirement C5).
  CREATE TABLE checkpoints (
    id        INTEGER PRIMARY KEY,
    at        TEXT NOT NULL,
    cause     TEXT NOT NULL,
    wal_bytes INTEGER NOT NULL,
    frames    INTEGER NOT NULL,
    moved     INTEGER NOT NULL
  ) STRICT;
  `,
  `
  ALTER TABLE runs ADD COLUMN pause TEXT;            -- JSON {user, reason, at} while it is paused
  -- Not null: what holds the slot did not die of SIGKILL; nobody gets it until that is gone.
  ALTER TABLE leases ADD COLUMN quarantined_at TEXT;
  `,
  `
  ALTER TABLE runs ADD COLUMN failure_cause TEXT;    -- JSON {code, text}: what it probably failed of
  ALTER TABLE runs ADD COLUMN pinned_at TEXT;        -- not null: retention keeps its artifacts
  `,
  `
  ALTER TABLE runs ADD COLUMN hold TEXT;             -- JSON {user, reason, at} while a person holds it

  -- What is given to nobody: the yard as a whole ('yard'), or a GPU.
  CREATE TABLE shut (
    target TEXT PRIMARY KEY,
    kind   TEXT NOT NULL,                            -- drained by a person, aside by us
    user   TEXT NOT NULL,
    reason TEXT NOT NULL,
    at     TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- A share of a GPU is the slot GPU#N: it and the whole of that GPU are never leased beside each other.
  CREATE TRIGGER leases_whole_or_shared BEFORE INSERT ON leases
  WHEN EXISTS (
    SELECT 1 FROM leases WHERE slot <> NEW.slot
      AND substr(slot || '#', 1, instr(slot || '#', '#')) =
          substr(NEW.slot || '#', 1, instr(NEW.slot || '#', '#'))
      AND (instr(slot, '#') = 0 OR instr(NEW.slot, '#') = 0)
  )
  BEGIN SELECT RAISE(ABORT, 'the GPU is leased in another way'); END;
  `,
  `
  -- What is known of each metric, for lists and comparisons. The run directories have it too.
  CREATE TABLE metric_keys (
    run_id  TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    key     TEXT NOT NULL,
    source  TEXT NOT NULL,
    seq     INTEGER NOT NULL,                 -- of the last point
    step    TEXT NOT NULL,                    -- of the last point, empty without one
    wall    TEXT NOT NULL,                    -- of the last point
    count   INTEGER NOT NULL,
    last    REAL,                             -- null: NaN
    min     REAL,
    max     REAL,
    PRIMARY KEY (run_id, attempt, key)
  ) STRICT, WITHOUT ROWID;
  -- How far the points of an attempt are counted, and whether no more of them come.
  CREATE TABLE metric_counts (
    run_id  TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    upto    INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    PRIMARY KEY (run_id, attempt)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- A group is counted from this index alone, and listed by it.
  CREATE INDEX runs_by_group ON runs (grp, submitted_at, status, started_at, finished_at, hold)
    WHERE grp <> '';
  CREATE INDEX runs_retry_of ON runs (retry_of) WHERE retry_of IS NOT NULL;
  `,
  `
  -- Which runs of a group took the place of others of it.
  CREATE INDEX runs_by_group_retries ON runs (grp, retry_of, submitted_at, run_id)
    WHERE retry_of IS NOT NULL AND grp <> '';
  `,
  `
  ALTER TABLE runs ADD COLUMN trace_parent TEXT NOT NULL DEFAULT ''; -- span id of who submitted it
  `,
];
