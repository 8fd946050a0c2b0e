/** The client of the control API: what programs and the command line ask a daemon through. */
import {
  type ArtifactItem,
  type BusStream,
  type ConsoleLink,
  type DaemonStatus,
  type DrainReply,
  type GarbageRequest,
  type GpuItem,
  type GroupFilter,
  type GroupSummary,
  type InputRef,
  type ListFilter,
  type LogChunk,
  type MetricBatch,
  type MetricKey,
  type Reader,
  type ReaderCredential,
  type Removal,
  type RemovedRun,
  type RotatedToken,
  type RunEvent,
  type RunPlan,
  type RunSummary,
  type Subscriber,
  toStruct,
} from '../contracts/index.ts';
import { openCalls } from './calls.ts';
import { encodeEnv } from './environment.ts';
import { manyCalls } from './many.ts';
import {
  type EventsOptions,
  eventStream,
  type LogsOptions,
  logStream,
  type MetricsOptions,
  metricStream,
  readAll,
  type StreamOptions,
} from './streams.ts';
import { type ConnectOptions, target } from './target.ts';
import { userName } from './user.ts';
import { waitForEnd } from './wait.ts';

type Env = Readonly<Record<string, string | undefined>>;

export type SubmitOptions = {
  /** The trainer's environment; left out: the configuration's alone. */
  env?: Env;
  /** Same key and configuration: same run, so that a submit may be repeated. */
  key?: string;
  user?: string;
  traceparent?: string;
};
export type ManySubmit = { config: object; key?: string };
export type ManyOptions = Omit<SubmitOptions, 'key'> & StreamOptions;
export type RetryOptions = SubmitOptions & {
  /** Fields of the configuration that are to be otherwise. */
  changes?: Record<string, unknown>;
};
export type PauseOptions = { reason?: string; user?: string };
export type StopOptions = PauseOptions & { now?: boolean };

export type RotateOptions = PauseOptions & {
  /** The token for `/metrics`, instead of the one for everything. */
  scrape?: boolean;
  keepSessions?: boolean;
};

export type ReaderOptions = {
  /** Seconds from now; left out: it does not end. */
  expiresS?: number;
  /** Only these runs; left out: all. */
  runs?: readonly string[];
};

/** All methods throw RunyardErrors only. A run is named by id, unique prefix, name or `@last`. */
export type TrainerClient = {
  /** Resolves when the run is on the daemon's disk. */
  submit(config: object, options?: SubmitOptions): Promise<{ run_id: string; created: boolean }>;
  /**
   * All or none; handles in the same order, each when its run is on the daemon's disk. Survives the daemon: without
   * keys of the caller's, each gets one. Throws what the daemon refuses, `/3/name` being the fourth's.
   */
  submitMany(
    submits: readonly ManySubmit[],
    options?: ManyOptions,
  ): AsyncGenerator<{ run_id: string; created: boolean }>;
  /** A new run like one that is over. Throws `run_not_over`, `input_missing`, and what a submit throws. */
  retry(ref: string, options?: RetryOptions): Promise<{ run_id: string; created: boolean }>;
  stop(ref: string, options?: StopOptions): Promise<RunSummary>;
  /** Stops the trainer where it is; it keeps its GPUs. Throws `run_not_running`. */
  pause(ref: string, options?: PauseOptions): Promise<RunSummary>;
  resume(ref: string, options?: PauseOptions): Promise<RunSummary>;
  /** Keeps a waiting run from starting, until it is released. Throws `run_not_queued`. */
  hold(ref: string, options?: PauseOptions): Promise<RunSummary>;
  release(ref: string, options?: PauseOptions): Promise<RunSummary>;
  /** What would become of a submit; nothing is stored. Throws what the submit would throw. */
  plan(config: object, options?: SubmitOptions): Promise<RunPlan>;
  gpus(): AsyncGenerator<GpuItem>;
  /** Gives nothing more out of a GPU, or of the yard (`target` empty); or takes that back. */
  setDrain(request: { target?: string; on: boolean } & PauseOptions): Promise<DrainReply>;
  get(ref: string): Promise<RunSummary>;
  /** Newest first. */
  list(filter?: Partial<ListFilter>): AsyncGenerator<RunSummary>;
  /** Newest first. */
  groups(filter?: Partial<GroupFilter>): AsyncGenerator<GroupSummary>;
  /** Throws `run_not_found` for one without runs. */
  group(name: string): Promise<GroupSummary>;
  /** As it is now, and each time it has changed, until no run is under way; survives the daemon. */
  watchGroup(name: string, options?: StreamOptions): AsyncGenerator<GroupSummary>;
  /** Stops all of it; tells how far that is, and at last that all are asked. */
  stopGroup(name: string, options?: StopOptions): AsyncGenerator<GroupSummary>;
  health(): Promise<DaemonStatus>;
  /** Uploads up to 16 MiB. */
  putInput(data: Uint8Array): Promise<InputRef>;
  /** Gapless and in order; survives the daemon. */
  events(ref: string, options?: EventsOptions): AsyncGenerator<RunEvent>;
  logs(ref: string, options?: LogsOptions): AsyncGenerator<LogChunk>;
  /** Gapless and in order, or the gap is told; survives the daemon and the bus. */
  metrics(ref: string, options?: MetricsOptions): AsyncGenerator<MetricBatch>;
  /** What is known of each metric of these runs: the last value, the least, the greatest, how many. */
  metricKeys(
    refs: readonly string[],
    options?: { key?: string; attempt?: number },
  ): AsyncGenerator<MetricKey>;
  /** The summary of the run once it is done; earlier when `signal` is aborted. */
  wait(ref: string, options?: StreamOptions): Promise<RunSummary>;
  /** What the store has of an attempt; 0 means the latest. */
  artifacts(ref: string, options?: { attempt?: number }): AsyncGenerator<ArtifactItem>;
  /** Keeps a run's artifacts from retention, or no longer. */
  pin(ref: string, pinned: boolean): Promise<RunSummary>;
  /** Removes artifacts beyond the limits; those left out are the settings'. */
  collectGarbage(request?: Partial<GarbageRequest>): AsyncGenerator<Removal>;
  /** Removes a run that is over, with all that is kept of it. Throws `run_not_over`, `run_pinned`. */
  remove(ref: string, options?: PauseOptions): Promise<RemovedRun>;
  /** A credential that reads the bus; its password is told this once. Throws `reader_exists`, `bus_external`. */
  exportReader(name: string, options?: ReaderOptions): Promise<ReaderCredential>;
  /** What the bus holds, and who reads it now. Both throw `bus_unavailable`. */
  busStreams(): AsyncGenerator<BusStream>;
  subscribers(): AsyncGenerator<Subscriber>;
  readers(): AsyncGenerator<Reader>;
  /** Resolves when whoever reads with it is cut off. Throws `reader_not_found`. */
  revokeReader(name: string): Promise<Reader>;
  /** A link that opens the web console once, within minutes. Throws `console_off`. */
  openConsole(options?: { viewer?: boolean }): Promise<ConsoleLink>;
  /** Replaces a token: the new one is in the file that is named, and nowhere else. Sessions of the console end with the old one. */
  rotateToken(options?: RotateOptions): Promise<RotatedToken>;
  shutdown(options?: { keepBus?: boolean }): Promise<{ live_runs: number }>;
  close(): void;
};

/** Bytes of JSON above which a configuration is uploaded: a request has 4,096 with all around it. */
const inlineConfigMax = 2800;
const chunkBytes = 64 * 1024;
/** Ids, or names of a usual length. */
const refsMost = 50;

/** A client of the daemon that `options` name. Throws daemon_not_running when there is none. */
export async function connect(options: ConnectOptions = {}): Promise<TrainerClient> {
  const calls = openCalls({ ...target(options), deadlineMs: options.deadlineMs ?? 10_000 });
  const get = (ref: string): Promise<RunSummary> => calls.unary('GetRun', { run: { ref } });
  const idOf = async (ref: string): Promise<string> => (await get(ref)).run_id;
  const putInput = (data: Uint8Array): Promise<InputRef> => {
    const count = Math.ceil(data.length / chunkBytes);
    const chunks = Array.from({ length: count }, (_, index) => ({
      data: Buffer.from(data.subarray(index * chunkBytes, (index + 1) * chunkBytes)),
    }));
    return calls.upload('PutInput', chunks);
  };
  const events = async function* (ref: string, how: EventsOptions = {}) {
    yield* eventStream(calls, await idOf(ref), how);
  };
  const listing = async function* <T>(method: string, request: object): AsyncGenerator<T> {
    try {
      yield* readAll(calls.read<T>(method, request));
    } catch (error) {
      throw calls.failure(error);
    }
  };
  const submission = async (
    config: object,
    { env, key = '', user = userName(), traceparent = '' }: SubmitOptions = {},
    uploaded: InputRef | null = null,
  ): Promise<object> => {
    const json = Buffer.from(JSON.stringify(config));
    const [envRef, configRef] = await Promise.all([
      env === undefined ? uploaded : putInput(encodeEnv(env)),
      json.length > inlineConfigMax ? putInput(json) : null,
    ]);
    return {
      ...(configRef === null ? { config: toStruct(config) } : { config_ref: configRef }),
      ...(envRef === null ? {} : { env_ref: envRef }),
      key,
      user,
      traceparent,
    };
  };
  return {
    ...manyCalls(calls, { submission, listing, putInput, userName }),
    submit: async (config, how) => calls.unary('SubmitRun', await submission(config, how)),
    async retry(ref, { changes = {}, env, key = '', user = userName(), traceparent = '' } = {}) {
      const envRef = env === undefined ? {} : { env_ref: await putInput(encodeEnv(env)) };
      const about = { run: { ref }, changes: toStruct(changes), ...envRef };
      return calls.unary('RetryRun', { ...about, key, user, traceparent });
    },
    plan: async (config, how) => calls.unary('PlanRun', await submission(config, how)),
    hold: (ref, { reason = '', user = userName() } = {}) =>
      calls.unary('HoldRun', { run: { ref }, reason, user }),
    release: (ref, { reason = '', user = userName() } = {}) =>
      calls.unary('ReleaseRun', { run: { ref }, reason, user }),
    async *gpus() {
      yield* listing<GpuItem>('ListGpus', {});
    },
    setDrain: ({ target = '', on, reason = '', user = userName() }) =>
      calls.unary('SetDrain', { target, on, reason, user }),
    stop: (ref, { reason = '', user = userName(), now = false } = {}) =>
      calls.unary('StopRun', { run: { ref }, reason, user, now }),
    pause: (ref, { reason = '', user = userName() } = {}) =>
      calls.unary('PauseRun', { run: { ref }, reason, user }),
    resume: (ref, { reason = '', user = userName() } = {}) =>
      calls.unary('ResumeRun', { run: { ref }, reason, user }),
    get,
    async *list(filter = {}) {
      yield* listing<RunSummary>('ListRuns', filter);
    },
    health: () => calls.unary('GetHealth', {}),
    putInput,
    events,
    async *logs(ref, how = {}) {
      yield* logStream(calls, await idOf(ref), how);
    },
    async *metrics(ref, how = {}) {
      yield* metricStream(calls, await idOf(ref), how);
    },
    async *metricKeys(refs, { key = '', attempt = 0 } = {}) {
      // A request is a control message.
      for (let at = 0; at < refs.length; at += refsMost) {
        const runs = refs.slice(at, at + refsMost);
        yield* listing<MetricKey>('ListMetrics', { runs, key, attempt });
      }
    },
    async *artifacts(ref, { attempt = 0 } = {}) {
      yield* listing<ArtifactItem>('ListArtifacts', { run: { ref }, attempt });
    },
    pin: (ref, pinned) => calls.unary('PinRun', { run: { ref }, pinned }),
    async *collectGarbage(request = {}) {
      yield* listing<Removal>('CollectGarbage', request);
    },
    wait: (ref, how = {}) => waitForEnd(calls, get, ref, how),
    remove: (ref, { reason = '', user = userName() } = {}) =>
      calls.unary('RemoveRun', { run: { ref }, reason, user }),
    exportReader: (name, { expiresS = 0, runs = [] } = {}) =>
      calls.unary('ExportReader', {
        name,
        expires_s: expiresS,
        runs: runs.map((ref) => ({ ref })),
      }),
    async *busStreams() {
      yield* listing<BusStream>('ListStreams', {});
    },
    async *subscribers() {
      yield* listing<Subscriber>('ListSubscribers', {});
    },
    async *readers() {
      yield* listing<Reader>('ListReaders', {});
    },
    revokeReader: (name) => calls.unary('RevokeReader', { name }),
    openConsole: ({ viewer = false } = {}) => calls.unary('OpenConsole', { viewer }),
    rotateToken: ({ scrape = false, keepSessions = false, reason = '', user = userName() } = {}) =>
      calls.unary('RotateToken', { scrape, keep_sessions: keepSessions, reason, user }),
    shutdown: ({ keepBus = false } = {}) => calls.unary('Shutdown', { keep_bus: keepBus }),
    close: () => calls.close(),
  };
}
