/** The daemon's answers to its API: validation, durability and look-ups round the supervisor. */
import { EventEmitter } from 'node:events';
import type {
  BusPort,
  ConsolePort,
  DaemonStatus,
  LogChunk,
  LogsRequest,
  MetricKey,
  MetricsRequest,
  MetricWireBatch,
  OrchestratorPort,
  ReadersPort,
  RemovedRun,
  RetentionPort,
  RunSummary,
  SupplyPort,
  TrainRunConfig,
} from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import type { InputStore, RunRow, RunStore } from '../persistence/index.ts';
import { runDir } from '../rundir/index.ts';
import type { Clock } from '../telemetry/index.ts';
import { createAsking } from './asking.ts';
import { type Breath, createBreath } from './breath.ts';
import { createGroups } from './groups.ts';
import { attemptOf, refOf } from './lookup.ts';
import { createPlanning } from './planning.ts';
import { configOfRetry, predecessorOf } from './retry-run.ts';
import { createShowing } from './showing.ts';
import { foundProgram, writeRunFiles } from './submission.ts';
import { createSubmitting } from './submitting.ts';
import { summaryOf } from './summary.ts';
import type { Supervisor } from './supervisor.ts';

/** Of a list whose length was not said, and how much of it is read at once. */
const listedMost = 1000;
const pageRows = 256;

export type OrchestratorDeps = {
  home: { root: string };
  store: RunStore;
  inputs: InputStore;
  supervisor: Supervisor;
  clock: Clock;
  /** Resolves when all that was committed before is on the disk. */
  synced: () => Promise<void>;
  newId: () => string;
  defaults: { graceS: number; killPatienceS: number };
  heartbeat: (runId: string) => { at: string; lastMetric: string | null } | null;
  /** Told what a new run was submitted with, and where its program was found. */
  remember: (
    runId: string,
    submitted: { config: TrainRunConfig; env: Buffer | null; program: string },
  ) => void;
  /** The environment of a run that is over, while it is known; its file is gone. */
  recall?: (runId: string) => Buffer | null;
  health: () => DaemonStatus;
  /** Throws when new runs are refused for now. */
  admit: () => void;
  logs: (
    run: { runId: string; attempt: number },
    request: LogsRequest,
    signal: AbortSignal,
  ) => AsyncIterable<LogChunk>;
  metrics: (
    run: { runId: string; attempt: number },
    request: MetricsRequest,
    signal: AbortSignal,
  ) => AsyncIterable<MetricWireBatch>;
  metricKeys: (
    runs: readonly { runId: string; attempt: number }[],
    request: { key: string },
    signal: AbortSignal,
  ) => AsyncIterable<MetricKey>;
  /** What a live run does that it should not; empty: nothing. */
  strayed?: (runId: string) => string;
  shutdown: (options: { keepBus: boolean }) => void;
  retention: RetentionPort;
  supply: SupplyPort;
  /** Names of hooks that runs may ask for. */
  hooks?: readonly string[];
  /** Every reason why a run could not start here; a simulation asks for none. */
  preflight?: (config: TrainRunConfig, env: Buffer | null, program: string) => Promise<string[]>;
  readers: ReadersPort;
  bus: BusPort;
  console: ConsolePort;
  removing: {
    remove(runId: string, who: { user: string; reason: string }): Promise<RemovedRun>;
    removedAt(runId: string): string | undefined;
  };
  /** With its place said: on this machine, or a cluster's. Throws `config_invalid`. Left out: all are here. */
  placed?: (config: TrainRunConfig) => TrainRunConfig;
  /** Whether what it needs is looked for on this machine; left out: it is. */
  isCheckedHere?: (config: TrainRunConfig) => boolean;
  /** What a run waits for at a place that a cluster gives out; empty: nothing. */
  placeWhy?: (runId: string, attempt: number) => string;
  /** What a submit looks at and writes on the disk; a simulation has another one. */
  disk?: { foundProgram: typeof foundProgram; writeRunFiles: typeof writeRunFiles };
  /** Where others are let in during long work; a simulation has another one. */
  breath?: Breath;
  /** Who asked for a run's end, as JSON, for its directory. */
  stopAsked?: (runId: string, stop: string) => void;
};

export type Orchestrator = OrchestratorPort & {
  /** Tells the streams that transitions up to `pos` are on the disk. */
  durable(pos: number): void;
  /** Notes which run a position belongs to, until it is durable. */
  committed(runId: string, pos: number): void;
};

/** Woken at every event, whosever it is. No run has such an id. */
const anyRun = Symbol('any run');

export function createOrchestrator(deps: OrchestratorDeps): Orchestrator {
  const { store, supervisor, clock } = deps;
  const disk = deps.disk ?? { foundProgram, writeRunFiles };
  const wakes = new EventEmitter().setMaxListeners(0);
  let durablePos = store.lastPos();
  /** Runs with transitions that are not known to be durable, and the newest position of each. */
  const touched = new Map<string, number>();

  const resolve = (ref: string): string => {
    const id = refOf(store, ref);
    if (id !== undefined) return id;
    const gone = deps.removing.removedAt(ref);
    if (gone !== undefined)
      throw new RunyardError('run_not_found', `run ${ref} was removed at ${gone}`);
    throw new RunyardError('run_not_found', `there is no run "${ref}"; see: runyard ls -a`);
  };
  const rowOf = (ref: string): RunRow => {
    // A whole id, which is what programs give, needs no search.
    const row = store.run(ref) ?? store.run(resolve(ref));
    if (row === undefined) throw new RunyardError('run_not_found', `there is no run "${ref}"`);
    return row;
  };
  const placeWhy = ({ run_id: runId, attempt }: RunRow): string =>
    deps.placeWhy?.(runId, attempt) ?? '';
  const summary = (row: RunRow): RunSummary => {
    const beat = row.finished_at === null ? deps.heartbeat(row.run_id) : null;
    return summaryOf(row, runDir(deps.home.root, row.run_id), {
      why:
        row.status === 'queued'
          ? supervisor.why(row.run_id)
          : deps.strayed?.(row.run_id) || (row.finished_at === null ? placeWhy(row) : ''),
      heartbeat: beat?.at ?? null,
      lastMetric: beat?.lastMetric ?? null,
    });
  };

  /** For its directory: an end that is known needs no note of who asked for it. */
  const noteStop = ({ run_id: runId, stop, finished_at: over }: RunRow): void => {
    if (stop !== null && over === null) deps.stopAsked?.(runId, stop);
  };

  const asking = createAsking({ supervisor, clock, synced: deps.synced, resolve, rowOf, summary });

  const breath = deps.breath ?? createBreath(clock);
  const onYard = (wake: () => void): (() => void) => {
    wakes.on(anyRun, wake);
    return () => wakes.off(anyRun, wake);
  };
  const showing = createShowing({
    store,
    rowOf,
    summary,
    durablePos: () => durablePos,
    retention: deps.retention,
    onYard,
    breath,
  });

  const submitting = createSubmitting({ ...deps, disk, breath });
  const groups = createGroups({
    ...{ store, supervisor, clock, synced: deps.synced, breath, onYard },
    stopAsked: (runId) => noteStop(rowOf(runId)),
  });

  const plan = createPlanning({ ...deps, disk });

  return {
    submit: (request) => submitting.submit(request),
    submitMany: (requests) => submitting.submitMany(requests),
    async retry({ run, changes, ...request }) {
      const row = rowOf(run);
      const config = configOfRetry(row, changes);
      const from = await predecessorOf(deps.home.root, row.run_id);
      from.env ??= deps.recall?.(row.run_id) ?? null;
      return submitting.submit({ ...request, config }, from);
    },
    ...groups,

    async stop({ run, reason, user, now }) {
      const runId = resolve(run);
      supervisor.send(runId, {
        type: 'run.stop',
        user,
        reason,
        at: clock.iso(),
        skipGrace: now,
        now: clock.now(),
      });
      failpoint('stop.committed');
      noteStop(rowOf(runId));
      await deps.synced();
      failpoint('stop.synced');
      return summary(rowOf(runId));
    },

    ...asking,
    ...showing,
    ...deps.console,
    plan,
    gpus: () => deps.supply.gpus(),
    setDrain: (request) => deps.supply.setDrain(request),

    resolve,
    get(ref) {
      const row = rowOf(ref);
      return { ...summary(row), retried_by: store.retryOf(row.run_id) ?? '' };
    },
    *list(filter) {
      // Row by row from the registry would keep others from it; all at once would fill the memory.
      let left = filter.limit === 0 ? listedMost : filter.limit;
      let { after = '' } = filter;
      while (left > 0) {
        const rows = store.list({ ...filter, after, limit: Math.min(left, pageRows) });
        for (const row of rows) yield summary(row);
        left -= rows.length;
        const last = rows.at(-1);
        if (last === undefined || rows.length < pageRows) return;
        after = `${last.submitted_at} ${last.run_id}`;
      }
    },
    health: deps.health,
    putInput: (data) => deps.inputs.put(data),
    readInput: (ref) => deps.inputs.read(ref),

    events: (runId, fromSeq, limit) => store.events(runId, Math.max(1, fromSeq), durablePos, limit),
    onEvents(runId, wake) {
      wakes.on(runId, wake);
      return () => wakes.off(runId, wake);
    },
    logs: (request, signal) =>
      deps.logs(attemptOf(rowOf(request.run), request.attempt), request, signal),
    metrics: (request, signal) =>
      deps.metrics(attemptOf(rowOf(request.run), request.attempt), request, signal),
    metricKeys: ({ runs, key, attempt }, signal) =>
      deps.metricKeys(
        runs.map((ref) => attemptOf(rowOf(ref), attempt)),
        { key },
        signal,
      ),

    artifacts: ({ run, attempt }) => deps.retention.artifacts(attemptOf(rowOf(run), attempt)),
    async pin({ run, pinned }) {
      const runId = resolve(run);
      await deps.retention.pin(runId, pinned);
      return summary(rowOf(runId));
    },
    collectGarbage: (request) => deps.retention.collect(request),

    remove: ({ run, user, reason }) => deps.removing.remove(resolve(run), { user, reason }),
    ...deps.bus,
    ...deps.readers,
    exportReader: (request) =>
      deps.readers.exportReader({ ...request, runs: [...new Set(request.runs.map(resolve))] }),

    async shutdown(options) {
      const { live } = supervisor.counts();
      clock.later(() => deps.shutdown(options));
      return { live_runs: live };
    },

    committed: (runId, pos) => touched.set(runId, pos),
    durable(pos) {
      durablePos = Math.max(durablePos, pos);
      for (const [runId, newest] of [...touched]) {
        // A commit made during the sync is not covered by it: its own sync wakes the stream again.
        if (newest <= durablePos) touched.delete(runId);
        wakes.emit(runId);
      }
      wakes.emit(anyRun);
    },
  };
}
