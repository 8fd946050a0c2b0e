/** Translates calls of the proto into calls of the daemon. */
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import {
  type ArtifactRange,
  controlMaxBytes,
  type DrainRequest,
  fromStruct,
  type GarbageRequest,
  type GroupFilter,
  type GroupStop,
  type GroupWatch,
  type InputRef,
  type ListFilter,
  type LogsRequest,
  type MetricKeysRequest,
  type MetricsRequest,
  type OrchestratorPort,
  type RunEvent,
  type RunHandle,
  type Struct,
  type SubmitRequest,
  submitsMost,
  toStatus,
} from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import type { Logger } from '../../telemetry/index.ts';
import { streamEvents } from './events.ts';
import { yardEvents } from './yard-events.ts';

type RunRef = { ref: string } | null;
type SubmitMessage = {
  config: Struct | null;
  config_ref: InputRef | null;
  env_ref: InputRef | null;
  key: string;
  user: string;
  traceparent: string;
};
type RetryMessage = Omit<SubmitMessage, 'config' | 'config_ref'> & {
  run: RunRef;
  changes: Struct | null;
};
type StopMessage = { run: RunRef; reason: string; user: string; now: boolean };
type PauseMessage = { run: RunRef; reason: string; user: string };
type RotateMessage = { scrape: boolean; keep_sessions: boolean; reason: string; user: string };
type ExportReaderMessage = { name: string; expires_s: number; runs: RunRef[] };
export type StatusMessage = { run: RunRef; from_seq: number; credit: number; until_done: boolean };

const inputMaxBytes = 16 * 2 ** 20;
/** Uploads are data plane and have a limit of their own. */
const dataMethods = ['PutInput'];

/** The service, refusing control requests of more than 4,096 bytes before they are even decoded. */
export function limited(service: ServiceDefinition): ServiceDefinition {
  const entries = Object.entries(service).map(([name, method]) => {
    if (dataMethods.includes(name)) return [name, method];
    const requestDeserialize = (bytes: Buffer): unknown =>
      bytes.length > controlMaxBytes
        ? { too_large: bytes.length }
        : method.requestDeserialize(bytes);
    return [name, { ...method, requestDeserialize }];
  });
  return Object.fromEntries(entries) as ServiceDefinition;
}

export function createHandlers(
  definition: PackageDefinition,
  port: OrchestratorPort,
  log: Logger,
): UntypedServiceImplementation {
  const statusOf = (error: unknown): ReturnType<typeof toStatus> => {
    if (error instanceof RunyardError) return toStatus(definition, error);
    log.error({ err: error }, 'call failed');
    return toStatus(
      definition,
      new RunyardError('internal', 'the daemon failed; its log says why'),
    );
  };
  const unary = <Q, A>(answer: (request: Q) => A | Promise<A>): handleUnaryCall<Q, A> => {
    return (call, reply) => {
      const answered = async (): Promise<A> => answer(sized(call.request));
      answered().then(
        (value) => reply(null, value),
        (error) => reply(statusOf(error)),
      );
    };
  };
  /** Writes with back pressure until the source ends or the client goes. */
  const stream = <Q, A>(
    source: (request: Q, signal: AbortSignal) => AsyncIterable<A> | Iterable<A>,
  ): handleServerStreamingCall<Q, A> => {
    return (call: ServerWritableStream<Q, A>) => {
      const controller = new AbortController();
      call.on('cancelled', () => controller.abort());
      const pour = async (): Promise<void> => {
        for await (const item of source(sized(call.request), controller.signal)) {
          if (controller.signal.aborted) return;
          // One at a time: what a slow client does not take is not read.
          await written(call, item, controller.signal);
        }
      };
      pour().then(
        () => call.end(),
        (error) => {
          if (!controller.signal.aborted) call.emit('error', statusOf(error));
        },
      );
    };
  };
  const submitRuns: handleBidiStreamingCall<SubmitMessage, RunHandle> = (call) => {
    const take = async (): Promise<void> => {
      const requests: SubmitRequest[] = [];
      for await (const request of call.iterator({
        destroyOnReturn: false,
      }) as AsyncIterable<SubmitMessage>) {
        if (requests.length === submitsMost)
          throw new RunyardError('message_too_large', `a call may submit ${submitsMost} runs`);
        requests.push(await submission(port, sized(request)));
      }
      // Whoever asked may have gone: what was begun is done all the same.
      let gone = false;
      call.on('cancelled', () => {
        gone = true;
      });
      for await (const handle of port.submitMany(requests)) if (!gone) call.write(handle);
    };
    call.on('error', () => undefined);
    take().then(
      () => call.end(),
      (error) => call.emit('error', statusOf(error)),
    );
  };
  const putInput: handleClientStreamingCall<{ data: Buffer }, InputRef> = (call, reply) => {
    const gather = async (): Promise<InputRef> => {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const { data } of call as AsyncIterable<{ data: Buffer }>) {
        size += data.length;
        if (size > inputMaxBytes) {
          throw new RunyardError('input_too_large', `an input may have ${inputMaxBytes} bytes`);
        }
        chunks.push(data);
      }
      return port.putInput(Buffer.concat(chunks));
    };
    gather().then(
      (ref) => reply(null, ref),
      (error) => reply(statusOf(error)),
    );
  };

  return {
    SubmitRun: unary(async (request: SubmitMessage) =>
      port.submit(await submission(port, request)),
    ),
    SubmitRuns: submitRuns,
    ListGroups: stream((filter: GroupFilter) => port.groups(filter)),
    WatchGroup: stream((request: GroupWatch, signal) => port.watchGroup(request, signal)),
    StopGroup: stream((request: GroupStop) => port.stopGroup(request)),
    RetryRun: unary(({ run, changes, env_ref, ...rest }: RetryMessage) =>
      port.retry({
        ...rest,
        run: refOf(run),
        changes: fromStruct(changes ?? {}),
        env_ref: env_ref?.uri ? env_ref : null,
      }),
    ),
    StopRun: unary(({ run, reason, user, now }: StopMessage) =>
      port.stop({ run: refOf(run), reason, user, now }),
    ),
    PauseRun: unary(({ run, reason, user }: PauseMessage) =>
      port.pause({ run: refOf(run), reason, user }),
    ),
    ResumeRun: unary(({ run, reason, user }: PauseMessage) =>
      port.resume({ run: refOf(run), reason, user }),
    ),
    HoldRun: unary(({ run, reason, user }: PauseMessage) =>
      port.hold({ run: refOf(run), reason, user }),
    ),
    ReleaseRun: unary(({ run, reason, user }: PauseMessage) =>
      port.release({ run: refOf(run), reason, user }),
    ),
    PlanRun: unary(async (request: SubmitMessage) => port.plan(await submission(port, request))),
    ListGpus: stream(() => port.gpus()),
    SetDrain: unary((request: DrainRequest) => port.setDrain(request)),
    GetHealth: unary(() => port.health()),
    GetRun: unary(({ run }: { run: RunRef }) => port.get(refOf(run))),
    ListRuns: stream((filter: ListFilter) => port.list(filter)),
    PutInput: putInput,
    StreamLogs: stream((request: Omit<LogsRequest, 'run'> & { run: RunRef }, signal) =>
      port.logs({ ...request, run: refOf(request.run) }, signal),
    ),
    StreamMetrics: stream((request: Omit<MetricsRequest, 'run'> & { run: RunRef }, signal) =>
      port.metrics({ ...request, run: refOf(request.run) }, signal),
    ),
    ListMetrics: stream((request: MetricKeysRequest, signal) => port.metricKeys(request, signal)),
    ListArtifacts: stream(({ run, attempt }: { run: RunRef; attempt: number }) =>
      port.artifacts({ run: refOf(run), attempt }),
    ),
    PinRun: unary(({ run, pinned }: { run: RunRef; pinned: boolean }) =>
      port.pin({ run: refOf(run), pinned }),
    ),
    CollectGarbage: stream((request: GarbageRequest) => port.collectGarbage(request)),
    RemoveRun: unary(({ run, reason, user }: PauseMessage) =>
      port.remove({ run: refOf(run), reason, user }),
    ),
    ExportReader: unary(({ runs, ...request }: ExportReaderMessage) =>
      port.exportReader({ ...request, runs: runs.map(refOf) }),
    ),
    ListReaders: stream(async function* (_: object) {
      yield* await port.listReaders();
    }),
    ListStreams: stream(() => port.busStreams()),
    ListSubscribers: stream(() => port.subscribers()),
    RevokeReader: unary(({ name }: { name: string }) => port.revokeReader(name)),
    StreamYard: stream((request: { after_pos: number; follow: boolean }, signal) =>
      yardEvents(port, request, signal),
    ),
    GetRunDetails: unary(({ run }: { run: RunRef }) => port.details(refOf(run))),
    ListTransitions: stream(({ run }: { run: RunRef }) => port.transitions(refOf(run))),
    ReadArtifact: stream(async function* (
      { run, ...range }: Omit<ArtifactRange, 'run'> & { run: RunRef },
      signal,
    ) {
      for await (const data of port.readArtifact({ ...range, run: refOf(run) }, signal))
        yield { data };
    }),
    GetChart: unary(({ machine }: { machine: string }) => port.chart(machine)),
    GetSchema: unary(({ name }: { name: string }) => ({ name, json: port.schema(name) })),
    OpenConsole: unary(({ viewer }: { viewer: boolean }) => port.openConsole({ viewer })),
    RotateToken: unary(({ keep_sessions: keepSessions, ...request }: RotateMessage) =>
      port.rotateToken({ ...request, keepSessions }),
    ),
    StreamStatus: (call: ServerDuplexStream<StatusMessage, RunEvent>) =>
      streamEvents(call, port, statusOf),
    Shutdown: unary(({ keep_bus }: { keep_bus: boolean }) => port.shutdown({ keepBus: keep_bus })),
  };
}

/** Resolves when it has gone out, or the client has. */
function written<Q, A>(
  call: ServerWritableStream<Q, A>,
  item: A,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    call.write(item, end);
  });
}

function sized<Q>(request: Q): Q {
  const tooLarge = (request as { too_large?: number }).too_large;
  if (tooLarge === undefined) return request;
  throw new RunyardError(
    'message_too_large',
    `the request has ${tooLarge} bytes, the limit is ${controlMaxBytes}; upload a large configuration or environment with PutInput`,
  );
}

export function refOf(run: RunRef): string {
  if (run !== null && run.ref !== '') return run.ref;
  throw new RunyardError('usage', 'the request names no run: give an id, a name or @last');
}

async function submission(port: OrchestratorPort, request: SubmitMessage) {
  const { config, config_ref, env_ref, key, user, traceparent } = request;
  const uploaded = config_ref?.uri ? await port.readInput(config_ref) : null;
  return {
    config: uploaded === null ? fromStruct(config ?? {}) : parse(uploaded),
    env_ref: env_ref?.uri ? env_ref : null,
    key,
    user,
    traceparent,
  };
}

function parse(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch (cause) {
    throw new RunyardError('config_invalid', 'the uploaded configuration is not JSON', { cause });
  }
}
