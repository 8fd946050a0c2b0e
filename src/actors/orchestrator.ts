/** The daemon's answers to its API: validation, durability and look-ups round the supervisor. */
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import {
  type ConsolePort,
  type DaemonStatus,
  type LogChunk,
  type LogsRequest,
  type MetricKey,
  type MetricsRequest,
  type MetricWireBatch,
  type OrchestratorPort,
  type ReadersPort,
  type RemovedRun,
  type RetentionPort,
  type RunPlan,
  type RunSummary,
  type SubmitRequest,
  type SupplyPort,
  type TrainRunConfig,
  validateConfig,
} from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { failpoint } from '../failpoints.ts';
import type { InputStore, RunRow, RunStore } from '../persistence/index.ts';
import { runDir } from '../rundir/index.ts';
import type { Clock } from '../telemetry/index.ts';
import { createAsking } from './asking.ts';
import { attemptOf, refOf, withDependencies } from './lookup.ts';
import { configOfRetry, type Predecessor, predecessorOf, uploadsOf } from './retry-run.ts';
import { createShowing } from './showing.ts';
import { foundProgram, newRow, runInput, submitDigest, writeRunFiles } from './submission.ts';
import { summaryOf } from './summary.ts';
import type { Supervisor } from './supervisor.ts';

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
  ) => Iterable<MetricKey>;
  /** What a live run does that it should not; empty: nothing. */
  strayed?: (runId: string) => string;
  shutdown: (options: { keepBus: boolean }) => void;
  retention: RetentionPort;
  supply: SupplyPort;
  /** Every reason why a run could not start here; a simulation asks for none. */
  preflight?: (config: TrainRunConfig, env: Buffer | null, program: string) => Promise<string[]>;
  readers: ReadersPort;
  console: ConsolePort;
  removing: {
    remove(runId: string, who: { user: string; reason: string }): Promise<RemovedRun>;
    removedAt(runId: string): string | undefined;
  };
  /** What a submit looks at and writes on the disk; a simulation has another one. */
  disk?: { foundProgram: typeof foundProgram; writeRunFiles: typeof writeRunFiles };
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
    const row = store.run(resolve(ref));
    if (row === undefined) throw new RunyardError('run_not_found', `there is no run "${ref}"`);
    return row;
  };
  const summary = (row: RunRow): RunSummary => {
    const beat = row.finished_at === null ? deps.heartbeat(row.run_id) : null;
    return summaryOf(row, runDir(deps.home.root, row.run_id), {
      why:
        row.status === 'queued' ? supervisor.why(row.run_id) : (deps.strayed?.(row.run_id) ?? ''),
      heartbeat: beat?.at ?? null,
      lastMetric: beat?.lastMetric ?? null,
    });
  };

  /** The run that this key stands for, or null. Throws `key_conflict`. */
  const knownRun = (
    key: string,
    digest: string,
  ): Promise<{ run_id: string; created: boolean }> | null => {
    const row = key === '' ? undefined : store.runByKey(key);
    if (row === undefined) return null;
    const { run_id, submit_digest } = row;
    if (submit_digest !== digest) {
      const text = `the key "${key}" belongs to run ${run_id}, which has another configuration`;
      throw new RunyardError('key_conflict', text);
    }
    return deps.synced().then(() => ({ run_id, created: false }));
  };

  const asking = createAsking({ supervisor, clock, synced: deps.synced, resolve, rowOf, summary });

  const showing = createShowing({
    store,
    rowOf,
    summary,
    durablePos: () => durablePos,
    retention: deps.retention,
    onYard(wake) {
      wakes.on(anyRun, wake);
      return () => wakes.off(anyRun, wake);
    },
  });

  const plan = async (request: SubmitRequest): Promise<RunPlan> => {
    const config = withDependencies(store, validateConfig(request.config));
    deps.admit();
    const env = request.env_ref === null ? null : await deps.inputs.read(request.env_ref);
    const program = await disk.foundProgram(config, env);
    const reasons = (await deps.preflight?.(config, env, program)) ?? [];
    if (reasons.length > 0) return { verdict: 'refused', text: reasons.join('; '), slots: [] };
    const { verdict, text } = supervisor.whatIf(newRow('', config, '', request, clock.iso()));
    if (verdict.kind === 'starts') return { verdict: 'starts', text, slots: [...verdict.slots] };
    return { verdict: verdict.kind === 'hopeless' ? 'refused' : 'waits', text, slots: [] };
  };

  /** `from`: the run that it is a retry of. */
  const submit = async (
    request: SubmitRequest,
    from: Predecessor | null,
  ): Promise<{ run_id: string; created: boolean }> => {
    const given = validateConfig(request.config);
    const digest = submitDigest(given, request.env_ref);
    const known = knownRun(request.key, digest);
    if (known !== null) return known;
    deps.admit();
    const config = withDependencies(store, given);
    const [env, diff] = await uploadsOf(deps.inputs, request.env_ref, config, from);
    const program = await disk.foundProgram(config, env);
    // The same submit may have come again meanwhile. From here to the commit nothing else runs.
    const meanwhile = knownRun(request.key, digest);
    if (meanwhile !== null) return meanwhile;
    const runId = deps.newId();
    deps.remember(runId, { config, env, program });
    const retryOf = from?.runId ?? null;
    const row = { ...newRow(runId, config, digest, request, clock.iso()), retry_of: retryOf };
    const { root } = deps.home;
    let filesSynced: Promise<void> = Promise.resolve();
    try {
      filesSynced = disk.writeRunFiles(root, runId, config, request, env, row, diff);
      failpoint('submit.written');
      supervisor.add(row, runInput(runId, config, deps.defaults, row.hold));
    } catch (error) {
      // Nobody was told of it: a directory that stays would look like a run that was taken.
      await filesSynced.catch(() => undefined);
      if (store.run(runId) === undefined)
        fs.rmSync(runDir(deps.home.root, runId), { recursive: true, force: true });
      throw error;
    }
    failpoint('submit.committed');
    await Promise.all([filesSynced, deps.synced()]);
    failpoint('submit.synced');
    return { run_id: runId, created: true };
  };

  return {
    submit: (request) => submit(request, null),
    async retry({ run, changes, ...request }) {
      const row = rowOf(run);
      const config = configOfRetry(row, changes);
      return submit({ ...request, config }, await predecessorOf(deps.home.root, row.run_id));
    },

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
      const after = rowOf(runId);
      if (after.stop !== null && after.finished_at === null) deps.stopAsked?.(runId, after.stop);
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
      for (const row of store.list(filter)) yield summary(row);
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
    metricKeys: ({ runs, key, attempt }) =>
      deps.metricKeys(
        runs.map((ref) => attemptOf(rowOf(ref), attempt)),
        { key },
      ),

    artifacts: ({ run, attempt }) => deps.retention.artifacts(attemptOf(rowOf(run), attempt)),
    async pin({ run, pinned }) {
      const runId = resolve(run);
      await deps.retention.pin(runId, pinned);
      return summary(rowOf(runId));
    },
    collectGarbage: (request) => deps.retention.collect(request),

    remove: ({ run, user, reason }) => deps.removing.remove(resolve(run), { user, reason }),
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
