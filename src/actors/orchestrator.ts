/** The daemon's answers to its API: validation, durability and look-ups round the supervisor. */
import crypto from 'node:crypto';
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import {
  canonicalJson,
  configDigest,
  type DaemonStatus,
  type InputRef,
  type LogChunk,
  type LogsRequest,
  type MetricBatch,
  type MetricsRequest,
  type OrchestratorPort,
  type RunSummary,
  type SubmitRequest,
  type TrainRunConfig,
  validateConfig,
} from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { runMachineVersion } from '../machines/index.ts';
import type { InputStore, RunRow, RunStore } from '../persistence/index.ts';
import { runDir, runFiles, writeAtomic } from '../rundir/index.ts';
import type { Clock } from '../telemetry/index.ts';
import { defaultSearchPath, envOf } from './environment.ts';
import { findProgram } from './preflight.ts';
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
  defaults: { graceS: number };
  heartbeat: (runId: string) => { at: string; lastMetric: string | null } | null;
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
  ) => AsyncIterable<MetricBatch>;
  shutdown: (options: { keepBus: boolean }) => void;
};

export type Orchestrator = OrchestratorPort & {
  /** Tells the streams that transitions up to `pos` are on the disk. */
  durable(pos: number): void;
  /** Notes which run a position belongs to, until it is durable. */
  committed(runId: string, pos: number): void;
};

export function createOrchestrator(deps: OrchestratorDeps): Orchestrator {
  const { store, supervisor, clock } = deps;
  const wakes = new EventEmitter().setMaxListeners(0);
  let durablePos = store.lastPos();
  /** Runs with transitions that are not known to be durable, and the newest position of each. */
  const touched = new Map<string, number>();

  const resolve = (ref: string): string => {
    const id = refOf(store, ref);
    if (id !== undefined) return id;
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
      why: row.status === 'queued' ? supervisor.why(row.run_id) : '',
      heartbeat: beat?.at ?? null,
      lastMetric: beat?.lastMetric ?? null,
    });
  };

  return {
    async submit(request) {
      const known = request.key === '' ? undefined : store.runByKey(request.key);
      const config = validateConfig(request.config);
      const digest = submitDigest(config, request.env_ref);
      if (known !== undefined) {
        if (known.submit_digest !== digest) {
          throw new RunyardError(
            'key_conflict',
            `the key "${request.key}" belongs to run ${known.run_id}, which has another configuration`,
          );
        }
        await deps.synced();
        return { run_id: known.run_id, created: false };
      }
      deps.admit();
      const env = request.env_ref === null ? null : await deps.inputs.read(request.env_ref);
      await refuseMissingProgram(config, env);
      const runId = deps.newId();
      const filesSynced = writeRunFiles(deps.home.root, runId, config, request, env);
      supervisor.add(newRow(runId, config, digest, request, clock.iso()), {
        runId,
        stopSignal: config.stop?.signal ?? 'SIGTERM',
        graceMs: 1000 * (config.stop?.grace_s ?? deps.defaults.graceS),
        timeLimitMs: config.time_limit_s === undefined ? null : 1000 * config.time_limit_s,
      });
      await Promise.all([filesSynced, deps.synced()]);
      return { run_id: runId, created: true };
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
      await deps.synced();
      return summary(rowOf(runId));
    },

    resolve,
    get: (ref) => summary(rowOf(ref)),
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

    async shutdown(options) {
      const { live } = supervisor.counts();
      setImmediate(() => deps.shutdown(options));
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
    },
  };
}

function refOf(store: RunStore, ref: string): string | undefined {
  if (ref === '') return undefined;
  if (ref === '@last') return store.newest();
  if (/^[a-z2-7]{1,8}$/.test(ref)) {
    const ids = store.idsByPrefix(ref);
    if (ids.length === 1) return ids[0];
    if (ids.length > 1 && store.newestByName(ref) === undefined) {
      throw new RunyardError(
        'run_ambiguous',
        `"${ref}" could be ${ids.join(', ')}; give more of it`,
      );
    }
  }
  return store.newestByName(ref);
}

function attemptOf(row: RunRow, asked: number): { runId: string; attempt: number } {
  if (asked > row.attempt) {
    throw new RunyardError('run_not_found', `run ${row.run_id} has no attempt ${asked}`);
  }
  return { runId: row.run_id, attempt: asked === 0 ? row.attempt : asked };
}

function submitDigest(config: TrainRunConfig, env: InputRef | null): string {
  const data = canonicalJson({ config, env: env?.sha256 ?? null });
  return crypto.createHash('sha256').update(data).digest('hex');
}

/** A missing program is told at once, not from a queue hours later. */
async function refuseMissingProgram(config: TrainRunConfig, env: Buffer | null): Promise<void> {
  const [program = ''] = config.command;
  const searchPath = config.env?.PATH ?? envOf(env).PATH ?? defaultSearchPath();
  if ((await findProgram(program, config.cwd ?? '/', searchPath)) !== null) return;
  throw new RunyardError('config_invalid', `the program "${program}" cannot be run`, {
    violations: [
      {
        field: '/command/0',
        rule: `"${program}" must be an executable file on the PATH of the run or relative to its directory`,
        hint: 'check the spelling, activate the environment that has it, or give its whole path',
      },
    ],
  });
}

/** Writes what the run needs that is not in the registry; resolves when it is on the disk. */
async function writeRunFiles(
  root: string,
  runId: string,
  config: TrainRunConfig,
  request: SubmitRequest,
  env: Buffer | null,
): Promise<void> {
  const dir = runDir(root, runId);
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const configFile = path.join(dir, runFiles.config);
  const envFile = path.join(dir, runFiles.env);
  const { user, key } = request;
  writeAtomic(configFile, JSON.stringify({ v: 1, run_id: runId, user, key, config }), {
    mode: 0o600,
  });
  writeAtomic(envFile, env ?? Buffer.alloc(0), { mode: 0o600 });
  // The configuration is in the registry too; the environment is nowhere else.
  if (env !== null) await Promise.all([envFile, dir, path.dirname(dir)].map(syncFile));
}

async function syncFile(file: string): Promise<void> {
  const handle = await fs.promises.open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function newRow(
  runId: string,
  config: TrainRunConfig,
  digest: string,
  request: SubmitRequest,
  at: string,
): Omit<RunRow, 'last_seq' | 'snapshot' | 'state' | 'status'> {
  const traceId = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(request.traceparent)?.[1];
  return {
    run_id: runId,
    submit_key: request.key === '' ? null : request.key,
    submit_digest: digest,
    name: config.name ?? path.basename(config.command[0] ?? ''),
    user: request.user,
    project: config.project ?? '',
    grp: config.group ?? '',
    tags: JSON.stringify(config.tags ?? []),
    attempt: 1,
    config: JSON.stringify(config),
    config_digest: configDigest(config),
    gpus: config.gpus ?? 0,
    submitted_at: at,
    started_at: null,
    finished_at: null,
    last_heartbeat: null,
    artifact_manifest: null,
    failure_reason: null,
    gpu_slot: '[]',
    exit: null,
    stop: null,
    pid: null,
    last_metric: null,
    trace_id: traceId ?? crypto.randomBytes(16).toString('hex'),
    retry_of: null,
    machine_version: runMachineVersion,
  };
}
