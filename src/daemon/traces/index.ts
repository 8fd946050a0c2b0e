/**
 * Traces of runs by OTLP: a thread builds spans of what is durable and hands them to the collector that was
 * named; without one nothing is started. No transition waits for any of it.
 */
import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { RunStore } from '../../persistence/index.ts';
import type { Clock, Logger, Target } from '../../telemetry/index.ts';
import type { MetricSnapshot } from '../../telemetry/metrics/index.ts';
import type { Progress } from './exporting.ts';
import type { ResourceAbout } from './resource.ts';
import type { FromTraceThread, ToTraceThread, TraceThreadData } from './thread.ts';

export type TraceFigures = {
  /** Transitions that are durable and not handed over yet. */
  backlog: number;
  exported: number;
  dropped: Progress['dropped'];
  isFailing: boolean;
};

export type TraceService = {
  start(): void;
  /** Transitions up to here are on the disk. */
  durable(pos: number): void;
  /** All figures of now, to be handed over as well; those of an earlier time are not kept. */
  measured(snapshot: MetricSnapshot): void;
  /** Null: no collector was named. */
  figures(): TraceFigures | null;
  close(): Promise<void>;
};

export type TraceServiceOptions = {
  /** Null: no collector was named for that. */
  targets: Record<'traces' | 'metrics', Target | null>;
  about: ResourceAbout;
  /** The registry's file. */
  registry: string;
  store: Pick<RunStore, 'meta' | 'setMeta'>;
  durablePos: () => number;
  backlogMost: number;
  ageMostMs: number;
  clock: Clock;
  log: Logger;
};

const cursorKey = 'traces.cursor';
const restartMs = 5000;
/** What is there when the daemon ends is handed over if it goes fast; else the next one does it. */
const patienceMs = 1500;

/** A thread does not share the cache of compiled code by itself. */
const bootstrap = `
const { workerData } = require('node:worker_threads');
if (workerData.cache) require('node:module').enableCompileCache(workerData.cache);
import(require('node:url').pathToFileURL(workerData.file));`;

export function createTraceService(options: TraceServiceOptions): TraceService {
  const { targets, store, clock, log } = options;
  let thread: Worker | null = null;
  let closed = false;
  let latest: Progress | null = null;
  let taken = false;
  /** Of threads that failed before this one. */
  let before: Pick<Progress, 'exported' | 'dropped'> = { exported: 0, dropped: {} };

  const tell = (message: ToTraceThread): void => thread?.postMessage(message);
  const keep = (progress: Progress): void => {
    const moved = latest === null || latest.cursor !== progress.cursor;
    const { trouble } = progress;
    const url = targets.traces?.url;
    if (trouble !== (latest?.trouble ?? null)) {
      if (trouble === null) log.info({ url }, 'the collector takes traces again');
      else log.warn({ why: trouble, url }, 'the collector takes no traces');
    } else if (!taken && progress.exported > 0) log.info({ url }, 'the collector takes traces');
    taken ||= progress.exported > 0;
    latest = progress;
    if (!moved) return;
    try {
      store.setMeta(cursorKey, String(progress.cursor));
    } catch (error) {
      // Then the next daemon sends some of it again, with the same ids.
      log.warn({ err: error }, 'how far traces were exported could not be stored');
    }
  };
  /** Where the last one stopped. */
  const cursor = (): number | null => {
    const kept = store.meta(cursorKey);
    const newest = options.durablePos();
    // Of another registry, when it is beyond this one.
    return kept === undefined || Number(kept) > newest ? null : Number(kept);
  };
  const start = (): void => {
    if (closed || (targets.traces === null && targets.metrics === null)) return;
    const data: TraceThreadData = {
      registry: options.registry,
      targets,
      about: options.about,
      cursor: latest?.cursor ?? cursor(),
      backlogMost: options.backlogMost,
      ageMostMs: options.ageMostMs,
    };
    if (latest !== null) {
      const dropped = sumOf(before.dropped, latest.dropped);
      before = { exported: before.exported + latest.exported, dropped };
      latest = { ...latest, exported: 0, dropped: {} };
    }
    const file = path.join(import.meta.dirname, `thread${path.extname(import.meta.filename)}`);
    const made = new Worker(bootstrap, {
      eval: true,
      workerData: { ...data, file, cache: getCompileCacheDir() },
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    thread = made;
    made.unref();
    made.on('message', (message: FromTraceThread) => {
      if (message.type === 'progress') keep(message.progress);
      else if (message.trouble === null) log.info({}, 'the collector takes metrics again');
      else log.warn({ why: message.trouble }, 'the collector takes no metrics');
    });
    made.on('error', (error) => log.error({ err: error }, 'the thread that exports traces failed'));
    made.on('exit', () => {
      if (thread === made) thread = null;
      if (!closed) clock.after(restartMs, start);
    });
    tell({ type: 'durable', pos: options.durablePos() });
  };
  return {
    start,
    durable: (pos) => tell({ type: 'durable', pos }),
    measured: (snapshot) => tell({ type: 'measured', snapshot }),
    figures() {
      if (targets.traces === null) return null;
      const { cursor: at = 0, exported = 0, dropped = {}, trouble = null } = latest ?? {};
      return {
        backlog: latest === null ? 0 : Math.max(0, options.durablePos() - at),
        exported: before.exported + exported,
        dropped: sumOf(before.dropped, dropped),
        isFailing: trouble !== null,
      };
    },
    async close() {
      closed = true;
      const ending = thread;
      if (ending === null) return;
      // It keeps nobody alive, but for its end.
      ending.ref();
      const late = setTimeout(() => void ending.terminate(), 2 * patienceMs);
      const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
      tell({ type: 'durable', pos: options.durablePos() });
      tell({ type: 'close', patienceMs });
      await ended;
      clearTimeout(late);
    },
  };
}

function sumOf(a: Progress['dropped'], b: Progress['dropped']): Progress['dropped'] {
  const sum = { ...a };
  for (const [cause, n] of Object.entries(b) as [keyof Progress['dropped'], number][])
    sum[cause] = (sum[cause] ?? 0) + n;
  return sum;
}
