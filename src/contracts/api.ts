/**
 * The control API in TypeScript: field for field what `orchestrator.proto` says (snake_case, so
 * that proto, `--json` output and code use one spelling). `OrchestratorPort` is what a transport needs
 * from the daemon; transports translate and hold no state.
 */
import type { Violation } from '../errors.ts';
import type { ConsolePort, ShowingPort } from './console.ts';
import type { GroupsPort } from './groups.ts';
import type { MetricKey, MetricKeysRequest, MetricsRequest, MetricWireBatch } from './metrics.ts';
import type { BusPort, ReadersPort } from './readers.ts';
import type {
  ArtifactItem,
  ArtifactsRequest,
  GarbageRequest,
  Removal,
  RemovedRun,
} from './retention.ts';
import type { DrainReply, DrainRequest, GpuItem, RunPlan } from './supply.ts';

export type Reason = { code: string; text: string };

export type RunSummary = {
  run_id: string;
  name: string;
  user: string;
  project: string;
  group: string;
  tags: string[];
  status: RunStatus;
  state: string;
  attempt: number;
  config_digest: string;
  submitted_at: string;
  started_at: string;
  finished_at: string;
  last_heartbeat: string;
  artifact_manifest: string;
  failure_reason: Reason | null;
  failure_cause: Reason | null;
  /** When it was pinned; empty when it is not. */
  pinned_at: string;
  gpu_slots: string[];
  why: string;
  command: string;
  exit_code: number;
  exit_signal: string;
  exited: boolean;
  last_metric: string;
  last_seq: number;
  run_dir: string;
  stop_user: string;
  stop_reason: string;
  trace_id: string;
  pid: number;
  cwd: string;
  code: string;
  retry_of: string;
  /** The newest retry of it; empty in lists. */
  retried_by: string;
  note: string;
  /** What tells it apart in its group, such as the cell of a sweep. */
  params: Record<string, string>;
  priority: number;
};

/** `done` is shown by its outcome. */
export const runStatuses = [
  'queued',
  'allocating',
  'running',
  'stopping',
  'completed',
  'failed',
  'cancelled',
  'rejected',
  'lost',
] as const;
export type RunStatus = (typeof runStatuses)[number];
export const finalStatuses: readonly RunStatus[] = [
  'completed',
  'failed',
  'cancelled',
  'rejected',
  'lost',
];

export type RunEvent = {
  run_id: string;
  seq: number;
  pos: number;
  at: string;
  attempt: number;
  event: string;
  from: string;
  to: string;
  detail_json: string;
  machine_version: string;
};

export type InputRef = { uri: string; sha256: string; size: number };

export type HealthReason = {
  part: string;
  severity: 'degraded' | 'failed';
  text: string;
  hint: string;
  /** While it holds, new runs are refused and waiting ones are not started. */
  refuses_runs: boolean;
};
/** What the last start found and did. */
export type Recovery = {
  at: string;
  /** One line for people. */
  text: string;
  queued: number;
  adopted: number;
  ended: number;
  vanished: number;
  rebooted: number;
  workers_replaced: number;
  processes_ended: number;
  leases_mended: number;
  temp_pruned: number;
  /** Run directories that the registry does not know. */
  unknown_dirs: number;
  /** Where the old registry lies after a rebuild. */
  registry_kept: string;
};
export type DaemonStatus = {
  status: 'ok' | 'degraded';
  reasons: HealthReason[];
  yard: string;
  version: string;
  pid: number;
  started_at: string;
  home: string;
  socket: string;
  tcp: string;
  /** `host:port` of the web console; empty when it is off or could not be opened. */
  console: string;
  bus_url: string;
  bus_connected: boolean;
  runs_queued: number;
  runs_live: number;
  gpus_total: number;
  gpus_free: number;
  wal_bytes: number;
  last_checkpoint: string;
  outbox_depth: number;
  disk_free_bytes: number;
  commit_ms_p99: number;
  workers_idle: number;
  state: string;
  parallel: number;
  bus_external: boolean;
  recovery: Recovery | null;
  /** `every process`, or `best effort`: what a stop promises here. */
  kill_scope: string;
  kill_scope_why: string;
  /** Who drained the yard, and why; empty when it gives out. */
  drained: string;
  /** Doors that encrypt: `tcp`, `console`. */
  tls: readonly string[];
};

export type LogLine = { seq: number; stream: string; at: string; text: string; offset: number };
export type LogGap = { stream: string; bytes: number; reason: string };
/** A line that has begun and not ended; the next one of its stream takes its place. */
export type LogBegun = { stream: string; at: string; text: string; offset: number };
export type LogChunk = { attempt: number; lines: LogLine[]; gaps: LogGap[]; begun: LogBegun[] };
export type ErrorDetail = {
  code: string;
  retryable: boolean;
  who: string;
  violations: Violation[];
};

export type RunHandle = {
  run_id: string;
  /** False when its key found an earlier one. */
  created: boolean;
};
export type SubmitRequest = {
  /** A TrainRunConfig as received, not yet validated. */
  config: unknown;
  env_ref: InputRef | null;
  key: string;
  user: string;
  traceparent: string;
};
export type RetryRequest = Omit<SubmitRequest, 'config'> & {
  run: string;
  /** Fields of a TrainRunConfig that take the place of the run's own. */
  changes: Record<string, unknown>;
};
export type ListFilter = {
  all: boolean;
  user: string;
  /** One status, or several with commas between. */
  status: string;
  group: string;
  limit: number;
  project: string;
  /** Part of an id, a name, a tag, a command …, in any case. */
  search: string;
  /** Only runs after this one in the list: its `submitted_at`, a space, its `run_id`. */
  after: string;
};
export type LogsRequest = {
  run: string;
  follow: boolean;
  tail: number;
  stderr_only: boolean;
  from_seq: number;
  attempt: number;
  /** RFC 3339; empty: from the beginning. */
  since: string;
  /** Lines as they were written: what a progress bar rewrote too. */
  raw: boolean;
  /** While following, lines that have begun as well. */
  begun: boolean;
};

/** What every transport asks of the daemon. All refusals are `RunyardError`s. */
export interface OrchestratorPort
  extends ReadersPort,
    BusPort,
    ShowingPort,
    ConsolePort,
    GroupsPort {
  /** Resolves after the run is synced to disk. */
  submit(request: SubmitRequest): Promise<RunHandle>;
  /** All or none; handles in the same order, each when its run is synced to disk. */
  submitMany(requests: readonly SubmitRequest[]): AsyncIterable<RunHandle>;
  /** A new run like one that is over. Throws `run_not_over`, `input_missing`, and what a submit throws. */
  retry(request: RetryRequest): Promise<RunHandle>;
  /** Resolves after the stop is synced to disk. */
  stop(request: { run: string; reason: string; user: string; now: boolean }): Promise<RunSummary>;
  /** Asks for a pause, or for its end. Idempotent; throws `run_not_running` in other states. */
  pause(request: { run: string; reason: string; user: string }): Promise<RunSummary>;
  resume(request: { run: string; reason: string; user: string }): Promise<RunSummary>;
  /** Keeps a waiting run from starting, until it is released. Throws `run_not_queued`. */
  hold(request: { run: string; reason: string; user: string }): Promise<RunSummary>;
  release(request: { run: string; reason: string; user: string }): Promise<RunSummary>;
  /** What would become of a submit. Throws what the submit would throw. */
  plan(request: SubmitRequest): Promise<RunPlan>;
  gpus(): Iterable<GpuItem>;
  setDrain(request: DrainRequest): Promise<DrainReply>;
  /** Full run id of an id, a unique prefix, a name (its newest run) or `@last`. */
  resolve(ref: string): string;
  get(ref: string): RunSummary;
  list(filter: ListFilter): Iterable<RunSummary>;
  health(): DaemonStatus;
  putInput(data: Buffer): Promise<InputRef>;
  readInput(ref: InputRef): Promise<Buffer>;
  /** Events of a run that are durable, from `fromSeq` on, at most `limit`. */
  events(runId: string, fromSeq: number, limit: number): RunEvent[];
  /** Calls `wake` whenever more events of the run may have become durable. Returns the unsubscribe. */
  onEvents(runId: string, wake: () => void): () => void;
  logs(request: LogsRequest, signal: AbortSignal): AsyncIterable<LogChunk>;
  metrics(request: MetricsRequest, signal: AbortSignal): AsyncIterable<MetricWireBatch>;
  metricKeys(request: MetricKeysRequest, signal: AbortSignal): AsyncIterable<MetricKey>;
  artifacts(request: ArtifactsRequest): Iterable<ArtifactItem>;
  /** Keeps a run's artifacts from retention, or no longer. Resolves after it is synced to disk. */
  pin(request: { run: string; pinned: boolean }): Promise<RunSummary>;
  collectGarbage(request: GarbageRequest): AsyncIterable<Removal>;
  /** Removes a run that is over. Throws `run_not_over`, `run_pinned`. Resolves after it is synced to disk. */
  remove(request: { run: string; reason: string; user: string }): Promise<RemovedRun>;
  shutdown(options: { keepBus: boolean }): Promise<{ live_runs: number }>;
}
