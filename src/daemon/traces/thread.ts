/** The thread that exports: building, encoding and sending hold up nothing that the daemon decides. */
import { parentPort, workerData } from 'node:worker_threads';
import { openTraceReader } from '../../persistence/index.ts';
import type { Target } from '../../telemetry/index.ts';
import type { MetricSnapshot } from '../../telemetry/metrics/index.ts';
import {
  createSender,
  encodeMetrics,
  encodeSpans,
  readMetricsAnswer,
  readTraceAnswer,
  resourceOf,
} from '../../telemetry/otlp/index.ts';
import { type Progress, startExporting } from './exporting.ts';
import { type ResourceAbout, resourceAttributes } from './resource.ts';

export type TraceThreadData = {
  registry: string;
  /** Null: not wanted. */
  targets: Record<'traces' | 'metrics', Target | null>;
  about: ResourceAbout;
  /** Null: the first one tells of all runs that are not over. */
  cursor: number | null;
  backlogMost: number;
  ageMostMs: number;
};
export type ToTraceThread =
  | { type: 'durable'; pos: number }
  | { type: 'measured'; snapshot: MetricSnapshot }
  | { type: 'close'; patienceMs: number };
export type FromTraceThread =
  | { type: 'progress'; progress: Progress }
  /** Of metrics: told when it changes. */
  | { type: 'metrics'; trouble: string | null };

const port = parentPort;
if (port !== null) {
  const tell = (message: FromTraceThread): void => port.postMessage(message);
  const { targets, about, ...data } = workerData as TraceThreadData;
  const resource = resourceOf(resourceAttributes(about));
  const traces = targets.traces === null ? null : await exportTraces(targets.traces);
  const metrics = targets.metrics === null ? null : await exportMetrics(targets.metrics);
  port.on('message', (message: ToTraceThread) => {
    if (message.type === 'durable') traces?.durable(message.pos);
    else if (message.type === 'measured') void metrics?.send(message.snapshot);
    else {
      metrics?.close();
      void Promise.resolve(traces?.close(message.patienceMs)).then(() => port.close());
    }
  });

  async function exportTraces(target: Target) {
    const reader = openTraceReader(data.registry);
    const sender = await createSender('traces', target, readTraceAnswer);
    const exporting = startExporting({
      ...data,
      cursor: data.cursor ?? reader.beforeUnfinished(),
      reader,
      send: (spans) => sender.send(encodeSpans(spans, resource)),
      report: (progress) => tell({ type: 'progress', progress }),
    });
    return {
      durable: exporting.durable,
      async close(patienceMs: number): Promise<void> {
        await exporting.close(patienceMs);
        sender.close();
        await exporting.ended;
        reader.close();
      },
    };
  }

  /** Figures are of now: those that could not be handed over are followed by newer ones. */
  async function exportMetrics(target: Target) {
    const sender = await createSender('metrics', target, readMetricsAnswer);
    let told: string | null = null;
    let busy = false;
    return {
      async send(snapshot: MetricSnapshot): Promise<void> {
        if (busy) return;
        busy = true;
        const outcome = await sender.send(encodeMetrics(snapshot, resource));
        busy = false;
        const trouble = outcome.kind === 'accepted' ? null : outcome.why;
        if (trouble !== told) tell({ type: 'metrics', trouble });
        told = trouble;
      },
      close: sender.close,
    };
  }
}
