/**
 * Carries recorded output to the bus: lines and the points found in them, numbered, in batches. The
 * recorder's files are the spool: while the bus is away nothing is read, and nothing is lost within the
 * output's limit. A later worker goes on from the cursor in the last message that the stream holds.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { failpoint } from '../failpoints.ts';
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
import { type Found, initials, pointsOf } from './patterns.ts';
import { createThrottle } from './throttle.ts';

/** One subject of the bus, as a worker may use it. */
export type Subject = {
  /** Its newest message, or null. */
  last(): Promise<{ seq: number; payload: unknown } | null>;
  /** Stores one message after the one with sequence `after`; false when another came in between. */
  publish(payload: object, after: number): Promise<number | null>;
};

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
  /** After the last output: publishes the unfinished lines too. */
  finish(): Promise<void>;
  counts(): { lines: number; points: number; skipped: number };
  /** True when a later attempt publishes for the run: what is left of this one is not for the bus. */
  superseded(): boolean;
  /** How far it has read. */
  state(): SplitterState;
  close(): void;
};

type Cursor = { state: SplitterState; next_point: number };
type LogLine = { seq: number; stream: string; at: string; text: string; offset: number };
type Point = {
  seq: number;
  key: string;
  step: number | null;
  wall: string;
  value: number | string;
  source: string;
  id: string;
};
type Batch = {
  lines: LogLine[];
  points: Point[];
  gaps: { stream: string; bytes: number; reason: string }[];
  skipped: { first_seq: number; last_seq: number; reason: string }[];
  bytes: number;
};

/** A batch is sent when it holds this much. */
const batchBytes = 64 * 1024;
const batchLines = 500;
/** Far below what the bus takes in one message, although control characters take six bytes each. */
const messageBytes = 512 * 1024;
const lineOverheadBytes = 100;
const messagePoints = 2000;
/** While lines are left out, a message is sent this often: a flood is told of, not passed on. */
const throttledMs = 250;

const beginning: Cursor = { state: firstState, next_point: 1 };

type Output = { subject: Subject; last: number; seq: number; sent: Cursor | null };

export function createFeed(options: FeedOptions): Feed {
  const { dir, runId, attempt } = options;
  let reader: OutputReader | null = null;
  let splitter: LineSplitter = createLineSplitter();
  let nextPoint = 1;
  const throttle = createThrottle();
  let held = emptyBatch();
  let sentAtMs = 0;
  const counts = { lines: 0, points: 0, skipped: 0 };
  /** Stream sequence of the newest message, and the highest line or point that is stored. */
  const logs: Output = { subject: options.logs, last: 0, seq: 0, sent: null };
  const metrics: Output = { subject: options.metrics, last: 0, seq: 0, sent: null };
  let superseded = false;
  let unsent: { batch: Batch; cursor: Cursor } | null = null;

  const resume = async (output: Output): Promise<Cursor | null> => {
    const found = await output.subject.last();
    output.last = found?.seq ?? 0;
    const payload = found?.payload as
      | { attempt: number; last_seq: number; cursor: Cursor }
      | undefined;
    const other = payload?.attempt ?? attempt;
    superseded ||= other > attempt;
    if (superseded) throw new Error(`attempt ${other} of the run publishes already`);
    // The last words of an earlier attempt came in between.
    if (payload !== undefined && other < attempt) return output.sent;
    output.seq = 0;
    if (payload === undefined) return null;
    output.seq = payload.last_seq;
    return payload.cursor;
  };

  /** Starts reading at the older of both cursors; what is stored of the other is not sent again. */
  const open = async (fresh: boolean): Promise<OutputReader> => {
    const cursors = fresh ? [null, null] : [await resume(logs), await resume(metrics)];
    const oldest = cursors
      .map((cursor) => cursor ?? beginning)
      .reduce((a, b) => (a.state.next_seq <= b.state.next_seq ? a : b));
    // Points are rare: that there was none so far is no reason to read a long log again. If there were
    // some and none is stored, the stream was lost, or they never got there.
    const [ofLogs, ofMetrics] = cursors;
    const pointless = ofMetrics === null && ofLogs?.next_point === 1;
    const from = pointless && ofLogs !== null ? ofLogs : oldest;
    held = emptyBatch();
    splitter = createLineSplitter(from.state, { lazy: true });
    nextPoint = from.next_point;
    reader?.close();
    reader = createOutputReader(dir, from.state.restart, from.state.used, { lend: true });
    return reader;
  };

  const add = (batch: Batch, pieces: ReturnType<LineSplitter['push']>): void => {
    for (const piece of pieces) {
      if ('gap' in piece) {
        addGap(batch.gaps, piece.gap);
        continue;
      }
      const { line } = piece;
      const { seq, stream, atMs, offset } = line;
      const at = (): string => new Date(atMs).toISOString();
      counts.lines += 1;
      const mayHavePoints = stream === 'stdout' && initials.has(line.initial);
      for (const found of mayHavePoints ? pointsOf(line.text) : []) {
        options.onPoint(found);
        counts.points += 1;
        const { key, step, value } = found;
        const id = `${attempt}:${stream}:${offset}:${key}`;
        const wire = Number.isFinite(value) ? value : String(value);
        if (nextPoint > metrics.seq) {
          batch.points.push({
            seq: nextPoint,
            key,
            step,
            wall: at(),
            value: wire,
            source: stream,
            id,
          });
        }
        nextPoint += 1;
      }
      if (seq <= logs.seq) continue;
      const size = throttle.takes(line.endOffset - offset + lineOverheadBytes)
        ? Buffer.byteLength(JSON.stringify(line.text)) + lineOverheadBytes
        : Number.POSITIVE_INFINITY;
      if (batch.bytes + size <= messageBytes) {
        batch.lines.push({ seq, stream, at: at(), text: line.text, offset });
        batch.bytes += size;
      } else {
        counts.skipped += 1;
        const last = batch.skipped.at(-1);
        if (last !== undefined && last.last_seq === seq - 1) last.last_seq = seq;
        else batch.skipped.push({ first_seq: seq, last_seq: seq, reason: 'throttled' });
      }
    }
  };

  const send = async (
    output: Output,
    payload: { cursor: Cursor; [field: string]: unknown },
    seq: number,
  ): Promise<void> => {
    failpoint('worker.publish');
    const stored = await output.subject.publish(payload, output.last);
    failpoint('worker.published');
    if (stored === null) {
      // Somebody else's message, or our own whose answer was lost: start over from what is stored.
      unsent = null;
      await open(false);
      return;
    }
    output.last = stored;
    output.seq = seq;
    output.sent = payload.cursor;
  };

  const flush = async (): Promise<void> => {
    if (unsent === null) return;
    const { batch, cursor } = unsent;
    const { lines, skipped, gaps, points } = batch;
    const common = { v: 1, run_id: runId, attempt, cursor };
    const seqs = [
      ...lines.map(({ seq }) => seq),
      ...skipped.flatMap((s) => [s.first_seq, s.last_seq]),
    ];
    if (seqs.length > 0 || gaps.length > 0) {
      const [first_seq, last_seq] =
        seqs.length === 0 ? [logs.seq + 1, logs.seq] : [Math.min(...seqs), Math.max(...seqs)];
      await send(logs, { ...common, first_seq, last_seq, lines, gaps, skipped }, last_seq);
      if (unsent === null) return;
      batch.lines = [];
      batch.skipped = [];
      batch.gaps = [];
    }
    for (let rest = points; rest.length > 0; rest = batch.points) {
      const some = rest.slice(0, messagePoints);
      batch.points = rest.slice(messagePoints);
      const last = some.at(-1)?.seq ?? 0;
      // Whoever goes on after a part of them has to read from where the first began.
      const from = batch.points.length === 0 ? cursor : (metrics.sent ?? beginning);
      const message = { ...common, cursor: from, first_seq: some[0]?.seq, last_seq: last };
      try {
        await send(metrics, { ...message, points: some }, last);
      } catch (error) {
        batch.points = rest;
        throw error;
      }
      if (unsent === null) return;
    }
    unsent = null;
  };

  const cursor = (): Cursor => ({ state: splitter.state(), next_point: nextPoint });
  const flushHeld = async (): Promise<void> => {
    unsent = { batch: held, cursor: cursor() };
    held = emptyBatch();
    sentAtMs = performance.now();
    await flush();
  };
  /** Whether what is held is to be sent, although there is room for more. */
  const isDue = (): boolean =>
    held.points.length > 0 ||
    held.skipped.length === 0 ||
    performance.now() - sentAtMs > throttledMs;

  return {
    async pump() {
      await flush();
      const from = reader ?? (await open(options.fresh));
      let any = false;
      for (;;) {
        const records = from === reader ? from.read() : [];
        if (records.length === 0) {
          // Whatever was held back has to get out before it is quiet.
          if (from === reader && any) await flushHeld();
          return any;
        }
        any = true;
        for (const record of records) {
          add(held, splitter.push(record));
          if (held.bytes < batchBytes && held.lines.length < batchLines) continue;
          await flushHeld();
          if (from !== reader) return true;
        }
        if (isDue()) await flushHeld();
        // A flood must not keep the worker from hearing its daemon.
        else await turn();
      }
    },
    async finish() {
      await flush();
      add(held, splitter.flush());
      const drained = readDrained(dir);
      for (const gap of drained === null ? [] : missingAtEnd(splitter.state(), drained))
        addGap(held.gaps, gap);
      await flushHeld();
    },
    counts: () => ({ ...counts }),
    superseded: () => superseded,
    state: () => splitter.state(),
    close: () => reader?.close(),
  };
}

function emptyBatch(): Batch {
  return { lines: [], points: [], gaps: [], skipped: [], bytes: 0 };
}

/** Gaps that follow each other are one: a flood has thousands. */
function addGap(gaps: Batch['gaps'], { stream, bytes, reason }: Batch['gaps'][number]): void {
  const last = gaps.findLast((gap) => gap.stream === stream);
  if (last?.reason === reason) last.bytes += bytes;
  else gaps.push({ stream, bytes, reason });
}
