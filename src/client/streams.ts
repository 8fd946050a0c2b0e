/** Events, logs and metrics of a run as iterables that resume by sequence number. */
import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import type {
  LogChunk,
  MetricBatch,
  MetricPoint,
  MetricWireBatch,
  RunEvent,
} from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { Calls } from './calls.ts';
import { resuming } from './resume.ts';

export type StreamOptions = {
  /** Ends the iterable, quietly. */
  signal?: AbortSignal;
  /** Called when the connection is lost and is being taken up again. */
  onDisconnect?: (error: RunyardError) => void;
};
export type EventsOptions = StreamOptions & {
  /** First sequence number wanted; 1 is the first event. */
  fromSeq?: number;
  /** End after the run's final event. */
  untilDone?: boolean;
};
export type LogsOptions = StreamOptions & {
  follow?: boolean;
  /** Only the last lines that are there now; 0 means all. */
  tail?: number;
  stderrOnly?: boolean;
  fromSeq?: number;
  /** 0 means the latest. */
  attempt?: number;
  /** Only lines that came then or later. */
  since?: Date;
  /** Lines as they were written: what a progress bar rewrote too. */
  raw?: boolean;
  /** While following, lines that have begun as well. */
  begun?: boolean;
};
export type MetricsOptions = StreamOptions & {
  follow?: boolean;
  /** A name, or a pattern with `*` and `?`. */
  key?: string;
  source?: string;
  fromSeq?: number;
  /** Only the last so many of the points asked for that are there now. */
  last?: number;
  /** Of the points that are there now, the extremes and the last in each of so many ranges. */
  thin?: number;
  /** What is known of each metric comes first. */
  snapshot?: boolean;
  /** 0 means the latest. */
  attempt?: number;
};

/** Events that may be on their way; granted anew when half of them were taken. */
const creditMost = 256;

/** Each event once and in order. `runId` must be an id: a name could mean another run later. */
export function eventStream(
  calls: Calls,
  runId: string,
  options: EventsOptions,
): AsyncGenerator<RunEvent> {
  const { signal, onDisconnect, untilDone = false } = options;
  let next = Math.max(1, options.fromSeq ?? 1);
  let ended = false;
  return resuming({
    signal,
    onDisconnect,
    failure: calls.failure,
    finished: () => ended || untilDone,
    async *open() {
      type Status = { run?: object; from_seq?: number; credit: number; until_done?: boolean };
      const call: ClientDuplexStream<Status, RunEvent> = calls.duplex('StreamStatus');
      const release = cancelOn(call, signal);
      let taken = 0;
      try {
        call.write({
          run: { ref: runId },
          from_seq: next,
          credit: creditMost,
          until_done: untilDone,
        });
        for await (const event of call as AsyncIterable<RunEvent>) {
          // Of a run that was removed meanwhile there is nothing left but the event that says so.
          const isLast = event.event === 'run.deleted' && event.seq > next;
          if (event.seq !== next && !isLast) {
            const text = `event ${next} of run ${runId} was expected, ${event.seq} came`;
            throw new RunyardError('internal', text);
          }
          next = event.seq + 1;
          ended = event.to === 'deleted' || (untilDone && event.to.startsWith('done'));
          yield event;
          taken += 1;
          if (taken < creditMost / 2) continue;
          call.write({ credit: taken });
          taken = 0;
        }
      } finally {
        release();
      }
    },
  });
}

/** Chunks of whole lines. When following, a lost connection is taken up after the last line. */
export function logStream(
  calls: Calls,
  runId: string,
  options: LogsOptions,
): AsyncGenerator<LogChunk> {
  const { signal, onDisconnect, follow = false, stderrOnly = false } = options;
  let next = options.fromSeq ?? 0;
  let tail = options.tail ?? 0;
  let attempt = options.attempt ?? 0;
  return resuming({
    signal,
    onDisconnect,
    failure: calls.failure,
    finished: () => true,
    async *open() {
      const request = {
        run: { ref: runId },
        follow,
        tail,
        stderr_only: stderrOnly,
        from_seq: next,
        attempt,
        since: options.since?.toISOString() ?? '',
        raw: options.raw ?? false,
        begun: options.begun ?? false,
      };
      for await (const chunk of readAll<LogChunk>(calls.read('StreamLogs', request), signal)) {
        attempt = chunk.attempt;
        tail = 0;
        next = (chunk.lines.at(-1)?.seq ?? next - 1) + 1;
        yield chunk;
      }
    },
  });
}

/**
 * Batches of points: their ranges follow on each other without a hole, and what is missing is told as a gap.
 * A lost connection is taken up after the last batch.
 */
export function metricStream(
  calls: Calls,
  runId: string,
  options: MetricsOptions,
): AsyncGenerator<MetricBatch> {
  const { signal, onDisconnect, follow = false, key = '', source = '' } = options;
  const { last = 0, thin = 0, snapshot = false } = options;
  let next: number | null = last > 0 ? null : Math.max(1, options.fromSeq ?? 1);
  let attempt = options.attempt ?? 0;
  let width = 0;
  let live = false;
  return resuming({
    signal,
    onDisconnect,
    failure: calls.failure,
    finished: () => true,
    async *open() {
      const request = {
        run: { ref: runId },
        follow,
        from_seq: next ?? options.fromSeq ?? 0,
        key,
        source,
        attempt,
        last: next === null ? last : 0,
        thin: live ? 0 : thin,
        thin_width: live ? 0 : width,
        json: true,
        snapshot: snapshot && (next === null || next === (options.fromSeq ?? 1)),
      };
      const call = calls.read<MetricWireBatch>('StreamMetrics', request);
      for await (const { json, ...batch } of readAll(call, signal)) {
        if (next !== null && batch.first_seq !== next) {
          const text = `point ${next} of run ${runId} was expected, ${batch.first_seq} came`;
          throw new RunyardError('internal', text);
        }
        ({ attempt } = batch);
        next = batch.last_seq + 1;
        width = batch.thinned?.width ?? width;
        live ||= batch.live;
        yield json.length === 0 ? batch : { ...batch, points: pointsIn(json) };
      }
    },
  });
}

/** The points of a message of the bus, as the API has them. */
function pointsIn(json: Uint8Array): MetricPoint[] {
  const text = Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8');
  const { points } = JSON.parse(text) as { points: MetricPoint[] };
  // In place: there may be millions.
  for (const point of points) {
    const { step, value } = point as { step: number | string | null; value: number | string };
    point.step = step === null ? '' : String(step);
    point.value = Number(value);
  }
  return points;
}

/** All messages of a call; leaving the loop cancels it. */
export async function* readAll<T>(
  call: ClientReadableStream<T>,
  signal?: AbortSignal,
): AsyncGenerator<T> {
  const release = cancelOn(call, signal);
  try {
    yield* call as AsyncIterable<T>;
  } finally {
    release();
  }
}

type Cancellable = { cancel(): void; on(event: 'error', listen: () => void): unknown };

/** Cancels with `signal`, and when the returned function is called. */
function cancelOn(call: Cancellable, signal: AbortSignal | undefined): () => void {
  // The iterator reports errors; one that comes after it was left has no other listener.
  call.on('error', () => undefined);
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted) cancel();
  return () => {
    signal?.removeEventListener('abort', cancel);
    cancel();
  };
}
