/** What a submit writes down: the run's row, its files, and the digest that tells two submits apart. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {
  canonicalJson,
  configDigest,
  type InputRef,
  type SubmitRequest,
  type TrainRunConfig,
} from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { type RunInput, runMachineVersion, type StopRequest } from '../machines/index.ts';
import type { RunRow } from '../persistence/index.ts';
import { bootId, makeDirectory, runDir, runFiles, writeAtomic } from '../rundir/index.ts';
import { readTraceparent } from '../telemetry/index.ts';
import { defaultSearchPath, envOf } from './environment.ts';
import { findProgram } from './preflight.ts';
import { retryPolicy } from './retrying.ts';

export function submitDigest(config: TrainRunConfig, env: InputRef | null): string {
  const data = canonicalJson({ config, env: env?.sha256 ?? null });
  return crypto.createHash('sha256').update(data).digest('hex');
}

/** Where the program is. A missing one is told at once, not from a queue hours later. */
export async function foundProgram(config: TrainRunConfig, env: Buffer | null): Promise<string> {
  const [program = ''] = config.command;
  const found = await findProgram(program, config.cwd ?? '/', programPath(config, env));
  if (found !== null) return found;
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

/** Where its program is looked for. */
export function programPath(config: TrainRunConfig, env: Buffer | null): string {
  return config.env?.PATH ?? envOf(env).PATH ?? defaultSearchPath();
}

/** What runs that are submitted together need not write and sync each for itself. */
export type Shared = {
  /** The file of an equal environment that is on the disk already. */
  env?: { data: Buffer; file: string; onDisk: Promise<unknown> } | null;
  /** By directory that has to be synced when all of them are in it, how. */
  parents?: Map<string, () => Promise<void>>;
};

/**
 * Writes what the run needs that is not in the registry, and of what is there enough to make its row
 * again; resolves when it is on the disk.
 */
export function writeRunFiles(
  root: string,
  runId: string,
  config: TrainRunConfig,
  request: SubmitRequest,
  env: Buffer | null,
  row: Pick<RunRow, 'submitted_at' | 'submit_digest' | 'trace_id' | 'trace_parent' | 'retry_of'>,
  diff: Buffer | null,
  shared: Shared = {},
): Promise<void> {
  const { submitted_at, submit_digest, trace_id, trace_parent, retry_of } = row;
  const trace = { trace_id, trace_parent };
  const dir = runDir(root, runId);
  makeDirectory(dir);
  const configFile = path.join(dir, runFiles.config);
  const envFile = path.join(dir, runFiles.env);
  const { user, key } = request;
  const submitted = { submitted_at, submit_digest, ...trace, retry_of, boot_id: bootId() };
  writeAtomic(
    configFile,
    JSON.stringify({ v: 1, run_id: runId, user, key, ...submitted, config }),
    {
      mode: 0o600,
    },
  );
  const linked = env !== null && isLinked(shared, env, envFile);
  if (!linked) writeAtomic(envFile, env ?? Buffer.alloc(0), { mode: 0o600 });
  const diffFile = path.join(dir, runFiles.diff);
  if (diff !== null) writeAtomic(diffFile, diff, { mode: 0o600 });
  if (env === null && diff === null) return Promise.resolve();
  // The configuration is in the registry too; the environment and the diff are nowhere else.
  const written = env === null || linked ? [] : [syncFile(envFile)];
  if (env !== null && !linked) {
    const [onDisk] = written;
    shared.env = { data: env, file: envFile, onDisk: onDisk ?? Promise.resolve() };
  }
  if (diff !== null) written.push(syncFile(diffFile));
  const parent = path.dirname(dir);
  if (shared.parents === undefined) written.push(syncFile(parent));
  else shared.parents.set(parent, () => syncFile(parent));
  return Promise.all([...written, shared.env?.onDisk, syncFile(dir)]).then(() => undefined);
}

/** Whether the environment of another run, which is the same, is now this one's too: nothing of it is to be synced. */
function isLinked({ env: other }: Shared, env: Buffer, file: string): boolean {
  if (other == null || !other.data.equals(env)) return false;
  try {
    fs.linkSync(other.file, file);
    return true;
  } catch {
    // It was over already, or has as many names as it may have.
    return false;
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await fs.promises.open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What the chart has to know of a configuration. */
export function runInput(
  runId: string,
  config: TrainRunConfig,
  defaults: { graceS: number; killPatienceS: number },
  hold: string | null,
): RunInput {
  return {
    runId,
    stopSignal: config.stop?.signal ?? 'SIGTERM',
    graceMs: 1000 * (config.stop?.grace_s ?? defaults.graceS),
    killPatienceMs: 1000 * defaults.killPatienceS,
    timeLimitMs: config.time_limit_s === undefined ? null : 1000 * config.time_limit_s,
    retry: retryPolicy(config),
    hold: hold === null ? null : (JSON.parse(hold) as StopRequest),
  };
}

export function newRow(
  runId: string,
  config: TrainRunConfig,
  digest: string,
  request: Pick<SubmitRequest, 'key' | 'user' | 'traceparent'>,
  at: string,
): Omit<RunRow, 'last_seq' | 'snapshot' | 'state' | 'status'> {
  const { user } = request;
  const caller = readTraceparent(request.traceparent);
  return {
    run_id: runId,
    submit_key: request.key === '' ? null : request.key,
    submit_digest: digest,
    name: config.name ?? path.basename(config.command[0] ?? ''),
    user,
    project: config.project ?? '',
    grp: config.group ?? '',
    tags: JSON.stringify(config.tags ?? []),
    attempt: 1,
    config: JSON.stringify(config),
    config_digest: configDigest(config),
    // How many GPUs it touches: a share is of one.
    gpus: Math.ceil(config.gpus ?? 0),
    submitted_at: at,
    started_at: null,
    finished_at: null,
    last_heartbeat: null,
    artifact_manifest: null,
    failure_reason: null,
    failure_cause: null,
    pinned_at: null,
    gpu_slot: '[]',
    exit: null,
    stop: null,
    pause: null,
    hold: config.hold === true ? JSON.stringify({ user, reason: '', at }) : null,
    pid: null,
    last_metric: null,
    trace_id: caller?.traceId ?? crypto.randomBytes(16).toString('hex'),
    trace_parent: caller?.spanId ?? '',
    retry_of: null,
    machine_version: runMachineVersion,
  };
}
