/**
 * The telemetry service: a thread keeps points and events in the runs' directories, and what it knows of each
 * metric comes into the registry, together, a moment later. It may be away or behind: nothing waits for it.
 */
import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { MetricKeyRow, MetricStore, Position } from '../../persistence/index.ts';
import type { Clock, Logger } from '../../telemetry/index.ts';
import type { Report } from './intake.ts';
import type { FromThread, ThreadData, ToThread, Where } from './thread.ts';

export type TelemetryService = {
  start(): void;
  /** The bus was reached there: it is read from there from now on. */
  bus(where: Where): void;
  /** Points that the bus had lost before they were kept, since the daemon began. */
  missing(): number;
  close(): Promise<void>;
};

export type TelemetryOptions = {
  root: string;
  yard: string;
  /** Below so much free disk nothing is written. */
  floorBytes: number;
  store: MetricStore;
  clock: Clock;
  log: Logger;
};

/** One transaction has so many rows at most: it must not keep a transition waiting. */
const rowsMost = 400;
const retryMs = 2000;
const restartMs = 5000;
const closeMs = 3000;

/** A thread does not share the cache of compiled code by itself: without it, it would compile all of it anew. */
const bootstrap = `
const { workerData } = require('node:worker_threads');
if (workerData.cache) require('node:module').enableCompileCache(workerData.cache);
import(require('node:url').pathToFileURL(workerData.file));`;

export function createTelemetryService(options: TelemetryOptions): TelemetryService {
  const { store, clock, log } = options;
  let thread: Worker | null = null;
  let where: Where | null = null;
  let closed = false;
  let missing = 0;
  const saving = createSaving(store, clock, log);

  const tell = (message: ToThread): void => thread?.postMessage(message);
  const start = (): void => {
    if (closed) return;
    const position = store.position();
    const workerData: ThreadData = {
      root: options.root,
      yard: options.yard,
      position,
      floorBytes: options.floorBytes,
      refill: Object.keys(position).length === 0,
    };
    const file = path.join(import.meta.dirname, `thread${path.extname(import.meta.filename)}`);
    const made = new Worker(bootstrap, {
      eval: true,
      workerData: { ...workerData, file, cache: getCompileCacheDir() },
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    thread = made;
    made.unref();
    made.on('message', (message: FromThread) => {
      if (message.type === 'report') {
        missing += message.report.missing;
        saving.add(message.report);
      } else if (message.text === null) log.info({}, 'points and events are kept again');
      else log.warn({ why: message.text }, 'points and events could not be kept');
    });
    made.on('error', (error) => log.error({ err: error }, 'the telemetry thread failed'));
    made.on('exit', () => {
      if (thread === made) thread = null;
      if (!closed) clock.after(restartMs, start);
    });
    if (where !== null) tell({ type: 'bus', where });
  };
  return {
    start,
    bus(at) {
      where = at;
      tell({ type: 'bus', where: at });
    },
    missing: () => missing,
    async close() {
      closed = true;
      const ending = thread;
      if (ending !== null) {
        // It keeps nobody alive, but for its end.
        ending.ref();
        const late = setTimeout(() => void ending.terminate(), closeMs);
        const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
        tell({ type: 'close' });
        await ended;
        clearTimeout(late);
      }
      saving.end();
    },
  };
}

/** Brings reports into the registry, a part at a time; what could not be stored is stored with what comes next. */
function createSaving(store: MetricStore, clock: Clock, log: Logger) {
  let keys = new Map<string, MetricKeyRow>();
  let counts = new Map<string, { run_id: string; attempt: number; upto: number; ended: number }>();
  let position: Position | null = null;
  let waiting = false;

  const part = (): boolean => {
    const some = [...keys.values()].slice(0, rowsMost);
    const isLast = some.length === keys.size;
    // The position is true only when all that it is true for is there.
    const at = isLast ? position : null;
    store.save(isLast ? [...counts.values()] : [], some, at);
    if (isLast) {
      keys = new Map();
      counts = new Map();
      position = null;
    } else for (const row of some) keys.delete(idOf(row));
    return isLast;
  };
  const work = (): void => {
    waiting = true;
    try {
      if (part()) waiting = false;
      else clock.later(work);
    } catch (error) {
      log.warn({ err: error }, 'what is known of metrics could not be stored yet');
      clock.after(retryMs, work);
    }
  };
  return {
    add(report: Report): void {
      for (const { runId, attempt, upto, ended, keys: changed } of report.known) {
        const of = { run_id: runId, attempt };
        counts.set(`${runId} ${attempt}`, { ...of, upto, ended: ended ? 1 : 0 });
        for (const { step, ...stats } of changed) {
          const row = { ...of, ...stats, step: step === null ? '' : String(step) };
          keys.set(idOf(row), row);
        }
      }
      if (Object.keys(report.position).length > 0) position = report.position;
      if (!waiting) work();
    },
    end(): void {
      try {
        while (!part());
      } catch (error) {
        log.warn({ err: error }, 'what is known of metrics could not be stored');
      }
    },
  };
}

function idOf({ run_id, attempt, key }: MetricKeyRow): string {
  return `${run_id} ${attempt} ${key}`;
}
