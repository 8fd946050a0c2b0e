/**
 * Runs without asking a daemon: from the registry, or from the run directories where that cannot be
 * read. Looks only; nothing in the state directory is created or changed, and no lock is taken.
 */
import fs from 'node:fs';
import path from 'node:path';
import { knownRun, refOf, summaryOf } from '../actors/index.ts';
import type { ListFilter, MetricBatch, RunEvent, RunSummary } from '../contracts/index.ts';
import { messageOf, RunyardError } from '../errors.ts';
import {
  createRunStore,
  type KnownRun,
  type RegistryCopy,
  type RunRow,
  readRegistry,
} from '../persistence/index.ts';
import { type Identity, isAlive, runDir, runFiles } from '../rundir/index.ts';
import { systemClock } from '../telemetry/index.ts';
import { stateOfAttempt } from './attempt-state.ts';
import { type PointsWanted, pointsOffline } from './points.ts';

export type Offline = {
  source: 'registry' | 'directories';
  /** Why the registry is not the source; empty when it is. */
  why: string;
  /** Pid of a daemon that lives, or 0. */
  daemonPid: number;
  list(filter?: Partial<ListFilter>): AsyncGenerator<RunSummary>;
  /** Throws run_not_found, run_ambiguous. */
  get(ref: string): Promise<RunSummary>;
  events(runId: string): AsyncGenerator<RunEvent>;
  /** Of a run that is known, as its files have them. */
  points(runId: string, wanted: PointsWanted): Generator<MetricBatch>;
  /** What SQLite finds wrong with the registry; empty when nothing. It reads all of it. */
  damage(): string[];
  /** Run directories that are in no registry. */
  unknown(): string[];
  /** Directories that could not be read, where those are the source. */
  unreadable: readonly string[];
  close(): void;
};

type Source = {
  rows(filter: ListFilter): RunRow[];
  find(ref: string): RunRow | undefined;
  events(runId: string): RunEvent[];
  damage(): string[];
  knows(runId: string): boolean;
  unreadable: string[];
  close(): void;
};

const everything: ListFilter = {
  all: true,
  user: '',
  status: '',
  group: '',
  limit: 0,
  project: '',
  search: '',
  after: '',
};

export function openOffline(root: string): Offline {
  const pid = daemonPid(root);
  const { source, why } = openSource(root, () => daemonPid(root) !== 0);
  const summary = (row: RunRow): RunSummary =>
    summaryOf(row, runDir(root, row.run_id), {
      why: pid === 0 && row.finished_at === null ? stateOfAttempt(root, row) : '',
      heartbeat: null,
      lastMetric: null,
    });
  const rowOf = (ref: string): RunRow => {
    const row = source.find(ref);
    if (row !== undefined) return row;
    throw new RunyardError(
      'run_not_found',
      `there is no run "${ref}"; see: runyard ls -a --offline`,
    );
  };
  return {
    source: why === '' ? 'registry' : 'directories',
    why,
    daemonPid: pid,
    async *list(filter = {}) {
      for (const row of source.rows({ ...everything, all: false, ...filter })) yield summary(row);
    },
    get: async (ref) => summary(rowOf(ref)),
    async *events(runId) {
      yield* source.events(runId);
    },
    points: (runId, wanted) => pointsOffline(runDir(root, runId), wanted),
    damage: source.damage,
    unknown: () => runIds(root).filter((runId) => !source.knows(runId)),
    unreadable: source.unreadable,
    close: source.close,
  };
}

function openSource(root: string, isOpen: () => boolean): { source: Source; why: string } {
  try {
    return { source: fromRegistry(readRegistry(path.join(root, 'registry.db'), isOpen)), why: '' };
  } catch (error) {
    return { source: fromDirectories(root), why: messageOf(error) };
  }
}

function fromRegistry({ db, close }: RegistryCopy): Source {
  const store = createRunStore(db);
  return {
    rows: (filter) => store.list(filter),
    find(ref) {
      const runId = refOf(store, ref);
      return runId === undefined ? undefined : store.run(runId);
    },
    events: (runId) =>
      store.events(runId, 1, Number.MAX_SAFE_INTEGER, store.run(runId)?.last_seq ?? 0),
    damage: () =>
      (db.pragma('quick_check(10)') as { quick_check: string }[])
        .map((row) => row.quick_check)
        .filter((text) => text !== 'ok'),
    knows: (runId) => store.run(runId) !== undefined,
    unreadable: [],
    close,
  };
}

function fromDirectories(root: string): Source {
  const runs = new Map<string, KnownRun>();
  const unreadable: string[] = [];
  for (const runId of runIds(root)) {
    try {
      const run = knownRun(runId, {
        root,
        // Only deadlines depend on these, and none is shown.
        defaults: { graceS: 10, killPatienceS: 30 },
        now: systemClock().now(),
        traced: () => false,
        mayVoid: false,
      });
      runs.set(runId, run);
    } catch {
      unreadable.push(runId);
    }
  }
  const newestFirst = [...runs.values()]
    .map(({ row, events }) => ({ ...row, last_seq: events.length }))
    .sort((a, b) => (a.submitted_at < b.submitted_at ? 1 : -1));
  return {
    rows: (filter) =>
      newestFirst.filter((row) => matches(row, filter)).slice(0, filter.limit || 1000),
    find: (ref) => findAmong(newestFirst, ref),
    events: (runId) =>
      (runs.get(runId)?.events ?? []).map((t, index) => eventOf(runId, index + 1, t)),
    damage: () => [],
    knows: (runId) => runs.has(runId),
    unreadable,
    close: () => undefined,
  };
}

function matches(row: RunRow, filter: ListFilter): boolean {
  const { all, user, status, group, project } = filter;
  if (!all && row.finished_at !== null) return false;
  return (
    (project === '' || row.project === project) &&
    (user === '' || row.user === user) &&
    (status === '' || row.status === status) &&
    (group === '' || row.grp === group)
  );
}

/** As `refOf`, among rows with the newest first. */
function findAmong(rows: readonly RunRow[], ref: string): RunRow | undefined {
  if (ref === '@last') return rows[0];
  const byId = rows.filter((row) => ref !== '' && row.run_id.startsWith(ref));
  const byName = rows.find((row) => row.name === ref);
  if (byId.length > 1 && byName === undefined) {
    const ids = byId.slice(0, 5).map((row) => row.run_id);
    throw new RunyardError('run_ambiguous', `"${ref}" could be ${ids.join(', ')}; give more of it`);
  }
  return byId.length === 1 ? byId[0] : byName;
}

function eventOf(runId: string, seq: number, t: KnownRun['events'][number]): RunEvent {
  return {
    run_id: runId,
    seq,
    pos: 0,
    at: t.at,
    attempt: t.attempt,
    event: t.event,
    from: t.from,
    to: t.to,
    detail_json: JSON.stringify(t.detail),
    machine_version: t.machineVersion,
  };
}

function runIds(root: string): string[] {
  const runs = path.join(root, 'runs');
  if (!fs.existsSync(runs)) return [];
  return fs
    .readdirSync(runs)
    .filter((name) => fs.existsSync(path.join(runs, name, runFiles.config)));
}

/** Pid of the daemon that says it is there and lives, or 0. */
export function daemonPid(root: string): number {
  try {
    const text = fs.readFileSync(path.join(root, 'daemon.json'), 'utf8');
    const identity = JSON.parse(text) as Identity;
    return isAlive(identity) ? identity.pid : 0;
  } catch {
    return 0;
  }
}
