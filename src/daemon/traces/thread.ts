/** The thread that exports: building, encoding and sending hold up nothing that the daemon decides. */
import { parentPort, workerData } from 'node:worker_threads';
import { openTraceReader } from '../../persistence/index.ts';
import type { Target } from '../../telemetry/index.ts';
import {
  createSender,
  encodeSpans,
  readTraceAnswer,
  resourceOf,
} from '../../telemetry/otlp/index.ts';
import { type Exporting, type Progress, startExporting } from './exporting.ts';
import { type ResourceAbout, resourceAttributes } from './resource.ts';

export type TraceThreadData = {
  registry: string;
  target: Target;
  about: ResourceAbout;
  /** Null: the first one tells of all runs that are not over. */
  cursor: number | null;
  backlogMost: number;
  ageMostMs: number;
};
export type ToTraceThread =
  | { type: 'durable'; pos: number }
  | { type: 'close'; patienceMs: number };
export type FromTraceThread = { type: 'progress'; progress: Progress };

const port = parentPort;
if (port !== null) {
  const data = workerData as TraceThreadData;
  const reader = openTraceReader(data.registry);
  const resource = resourceOf(resourceAttributes(data.about));
  const sender = await createSender('traces', data.target, readTraceAnswer);
  const exporting: Exporting = startExporting({
    ...data,
    cursor: data.cursor ?? reader.beforeUnfinished(),
    reader,
    send: (spans) => sender.send(encodeSpans(spans, resource)),
    report: (progress) =>
      port.postMessage({ type: 'progress', progress } satisfies FromTraceThread),
  });
  port.on('message', (message: ToTraceThread) => {
    if (message.type === 'durable') {
      exporting.durable(message.pos);
      return;
    }
    void exporting.close(message.patienceMs).then(() => {
      sender.close();
      reader.close();
      port.close();
    });
  });
}
