/**
 * Carries recorded output and the points of an attempt to the bus, numbered, in batches. The recorder's
 * files and the trainer's own are the spool: while the bus is away nothing is read, and nothing is lost
 * within the output's limit. A later worker goes on from the cursors in the last messages that are stored.
 */

import { setImmediate as turn } from 'node:timers/promises';
import {
  createLineSplitter,
  createOutputReader,
  firstState,
  type LineSplitter,
  missingAtEnd,
  type OutputReader,
  readDrained,
  type SplitterState,
} from '../rundir/index.ts';
import { type LogCursor, type PointCursor, pointsFrom } from './cursor.ts';
import { createKept } from './kept.ts';
import { createLogBatch, type LogMessage } from './log-batch.ts';
import { createOutlet, type Subject, Superseded } from './outlet.ts';
import { createPace } from './pace.ts';
import { createPassed } from './passed.ts';
import { bytesOf, createPointQueue, type FoundPoint, type PointQueue } from './point-queue.ts';
import { createPrintedPoints, type PrintedPoints } from './printed.ts';
import { createRecent } from './recent.ts';
import { restore } from './restore.ts';
import { createSending } from './sending.ts';
import { createSources } from './sources.ts';
import { printedNames } from './spec.ts';

/** A point, as far as it is of interest at once. */
export type Found = Pick<FoundPoint, 'key' | 'step' | 'value'>;

export type FeedOptions = {
  dir: string;
  runId: string;
  attempt: number;
  /** True when this is surely the first that publishes for the run. */
  fresh: boolean;
  logs: Subject;
  metrics: Subject;
  onPoint: (found: Found) => void;
};

export type Feed = {
  /** Publishes what is there now. True when something was read. Throws when the bus is away. */
  pump(): Promise<boolean>;
  /** After the last output: publishes the unfinished lines too, and what only now can be found. */
  finish(): Promise<void>;
  counts(): { lines: number; points: number; skipped: number };
  /** True when a later attempt publishes for the run: what is left of this one is not for the bus. */
  superseded(): boolean;
  /** How far it has read. */
  state(): SplitterState;
  close(): void;
};

export function createFeed(options: FeedOptions): Feed {
  const { dir, runId, attempt } = options;
  const logs = createOutlet<LogCursor>(options.logs, attempt);
  const metrics = createOutlet<PointCursor>(options.metrics, attempt);
  const sources = createSources(dir, runId, attempt);
  const batch = createLogBatch();
  const pace = createPace();
  const counts = { lines: 0 };
  const kept = createKept(dir, attempt);
  const recent = createRecent();
  let passed = createPassed();
  /** It was open before: what it holds is what comes next. */
  let begun = false;
  let reader: OutputReader | null = null;
  let splitter: LineSplitter = createLineSplitter();
  const names = printedNames(dir);
  let printed: PrintedPoints = createPrintedPoints(attempt, names);
  let queue: PointQueue = createPointQueue(1);
  /** From where output is read again, and the first line that was not searched for points. */
  let position = { state: firstState, line: 1 };
  let unsent: LogMessage | null = null;
  let superseded = false;
  let finishing = false;
  /** Whether what the output ends with was added. */
  let ended = false;

  const open = async (fresh: boolean): Promise<OutputReader> => {
    // Until it is open nothing is sent: what waits may not be what comes next.
    reader?.close();
    reader = null;
    batch.clear();
    unsent = null;
    const [log, stored] = fresh ? [null, null] : [await logs.resume(), await metrics.resume()];
    const from = pointsFrom(log, stored);
    const of = {
      from,
      queue: begun && metrics.isOurs() ? queue : null,
      kept,
      recent,
      send: sending.one,
    };
    const { points: behind, again } = await restore(of);
    let points = behind;
    if (again === null) {
      recent.forget(0);
      queue = createPointQueue(points.next_point);
      passed = createPassed(points.passed);
      sources.reset(points.files);
    } else {
      recent.forget(again[0]?.first_seq ?? queue.unsent());
      queue.messages.unshift(...again);
      points = { ...cursor(), next_point: queue.nextPoint() };
    }
    // Read from the older of both; what is stored of the other is not sent again.
    const isBehind = log !== null && log.state.next_seq < points.state.next_seq;
    const start = log === null ? firstState : isBehind ? log.state : points.state;
    splitter = createLineSplitter(start, { lazy: true });
    printed = createPrintedPoints(attempt, names, points.printed);
    position = { state: points.state, line: points.line };
    ended = false;
    begun = true;
    reader = createOutputReader(dir, start.restart, start.used, { lend: true });
    return reader;
  };
  const cursor = () => ({
    ...position,
    printed: printed.state(),
    files: sources.states(),
    ...passed.told(),
  });
  const cut = (): void => queue.cut(cursor());
  const sink = {
    add(point: FoundPoint, mayCut = true): void {
      if (passed.has(point)) return;
      options.onPoint(point);
      queue.add(point);
      if (mayCut && queue.isFull()) cut();
    },
    note: (text: string): void => queue.note(text),
  };

  const add = (pieces: ReturnType<LineSplitter['push']>): void => {
    for (const piece of pieces) {
      if ('gap' in piece) {
        batch.gap(piece.gap);
        continue;
      }
      const { line } = piece;
      counts.lines += 1;
      if (line.seq >= position.line) {
        const found = printed.of(line);
        position.line = line.seq + 1;
        // A cut between the points of one line would lose those behind it.
        for (let index = 0; index < found.length; index += 1) {
          const point = found[index];
          if (point !== undefined) sink.add(point, index === found.length - 1);
        }
      }
      if (line.seq > logs.seq()) batch.add(line);
    }
  };

  /** False when somebody else wrote in between: everything was begun anew then. */
  const sent = async (isSent: Promise<boolean>): Promise<boolean> => {
    if (await isSent) return true;
    await reopen();
    return false;
  };
  const reopen = async (): Promise<OutputReader> => {
    try {
      return await open(false);
    } catch (error) {
      superseded ||= error instanceof Superseded;
      throw error;
    }
  };

  const sending = createSending({
    outlet: metrics,
    pace,
    recent,
    messages: () => queue.messages,
    bytesOf: (message) => bytesOf({ runId, attempt }, message, sources.pathsOf(message.files)),
    sent,
  });
  const sendLines = async (): Promise<boolean> => {
    const isSent = logs.send(
      (index) => {
        if (unsent === null || index > 0) return null;
        const payload = { v: 1, run_id: runId, attempt, ...unsent };
        return { payload, last_seq: unsent.last_seq, cursor: unsent.cursor };
      },
      () => {
        unsent = null;
      },
    );
    return sent(isSent);
  };
  /** Points first: that they are stored is what the log's cursor says. */
  const flush = async (): Promise<boolean> => (await sending.all()) && sendLines();

  const flushLines = async (): Promise<boolean> => {
    if (!(await flush())) return false;
    const next_point = queue.holds() ? null : queue.nextPoint();
    const { step } = printed.state();
    unsent = batch.take(logs.seq(), { state: splitter.state(), next_point, step });
    return sendLines();
  };
  const flushPoints = async (): Promise<boolean> => {
    cut();
    return sending.ahead();
  };
  const flushHeld = async (): Promise<boolean> => {
    const isDue = finishing || queue.messages.length > 0 || pace.isDue();
    return (!queue.holds() || !isDue || (await flushPoints())) && flushLines();
  };

  /** One part of the output and of each file. Null when everything was begun anew. */
  const readSome = async (from: OutputReader): Promise<boolean | null> => {
    const records = from.read();
    for (const record of records) {
      printed.record(record);
      add(splitter.push(record));
      advance();
      if (batch.isFull() && !(await flushHeld())) return null;
    }
    const more = sources.read(sink);
    // What is not full is held back while there is more to read.
    if (!(await sending.ahead())) return null;
    return records.length > 0 || more;
  };
  /** The splitter's state is exact between records only. */
  const advance = (): void => {
    const state = splitter.state();
    if (state.next_seq >= position.line) position = { state, line: state.next_seq };
  };

  return {
    async pump() {
      sources.look();
      if (reader === null) await (options.fresh && !begun ? open(true) : reopen());
      if (!(await flush())) return true;
      const from = reader ?? (await reopen());
      for (let any = false; ; any = true) {
        const found = await readSome(from);
        if (found === null) return true;
        if (!found) {
          // Whatever was held back has to get out before it is quiet.
          if (any || queue.holds()) await flushHeld();
          return any;
        }
        // Points alone go when a message is full, or it is quiet.
        if (!batch.holds() || !batch.isDue()) await turn();
        // A flood must not keep the worker from hearing its daemon.
        else if (!(await flushHeld())) return true;
      }
    },
    async finish() {
      finishing = true;
      if (!(await flush())) throw new Error('begun anew');
      if (!ended) {
        ended = true;
        add(splitter.flush());
        advance();
        const drained = readDrained(dir);
        for (const gap of drained === null ? [] : missingAtEnd(splitter.state(), drained))
          batch.gap(gap);
        sources.finish();
      }
      while (sources.read(sink)) {
        if (!(await sending.ahead())) throw new Error('begun anew');
        await turn();
      }
      if (!(await flushHeld())) throw new Error('begun anew');
      queue.end(cursor());
      if (!(await sending.all())) throw new Error('begun anew');
      sources.settled();
    },
    counts: () => ({ ...counts, points: queue.nextPoint() - 1, skipped: batch.skipped() }),
    superseded: () => superseded,
    state: () => splitter.state(),
    close() {
      reader?.close();
      sources.close();
    },
  };
}
