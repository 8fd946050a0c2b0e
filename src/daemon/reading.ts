/** What runs printed and measured, read for whoever asks: from their directories, and from the bus. */
import type {
  LogChunk,
  LogsRequest,
  MetricKey,
  MetricsRequest,
  MetricWireBatch,
} from '../contracts/index.ts';
import type { MetricStore, RunStore } from '../persistence/index.ts';
import { runDir } from '../rundir/index.ts';
import type { Clock } from '../telemetry/index.ts';
import type { Bus } from './metrics/pieces.ts';
import { settled } from './metrics/settled.ts';
import { listMetrics, streamMetrics } from './metrics/stream.ts';
import { streamLogs } from './output.ts';

type Which = { runId: string; attempt: number };

export type ReadingOptions = {
  root: string;
  store: Pick<RunStore, 'run'>;
  metrics: MetricStore;
  bus: (runId: string) => Bus | null;
  /** The attempt of a run that is not over; null: there is none. */
  attemptOf: (runId: string) => number | null;
  clock: Clock;
};

export type Reading = {
  logs(which: Which, request: LogsRequest, signal: AbortSignal): AsyncIterable<LogChunk>;
  metrics(
    which: Which,
    request: MetricsRequest,
    signal: AbortSignal,
  ): AsyncIterable<MetricWireBatch>;
  metricKeys(
    runs: readonly Which[],
    request: { key: string },
    signal: AbortSignal,
  ): AsyncIterable<MetricKey>;
};

export function createReading(options: ReadingOptions): Reading {
  const { root, store, metrics, bus, attemptOf, clock } = options;
  const over = (which: Which) => (): boolean => attemptOf(which.runId) !== which.attempt;
  const pointsSettled = (which: Which, signal: AbortSignal): Promise<void> => {
    const row = store.run(which.runId);
    const isLatest = row?.attempt === which.attempt && row.finished_at !== null;
    const count = () => metrics.count(which.runId, which.attempt);
    return settled({
      endedMs: isLatest ? Date.parse(row.finished_at as string) : null,
      ended: () => count()?.ended === 1,
      begun: () => count() !== undefined,
      away: () => bus(which.runId) === null,
      now: () => clock.now().wall_ms,
      signal,
    });
  };
  return {
    logs: (which, request, signal) =>
      streamLogs({ home: root, which, request, over: over(which), signal }),
    metrics: (which, request, signal) =>
      streamMetrics({
        which,
        request,
        store: metrics,
        dir: runDir(root, which.runId),
        bus: () => bus(which.runId),
        over: over(which),
        settled: () => pointsSettled(which, signal),
        signal,
      }),
    metricKeys: (runs, request, signal) =>
      listMetrics(metrics, runs, request, (which) => pointsSettled(which, signal)),
  };
}
