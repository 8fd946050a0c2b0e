/**
 * Carries recorded output to the bus: lines and the points found in them, numbered, in batches. The
 * recorder's files are the spool: while the bus is away nothing is read, and nothing is lost within the
 * output's limit. A later worker goes on from the cursor in the last message that the stream holds.
 */
import { failpoint } from '../failpoints.ts';
import {
  createLineSplitter,
  createOutputReader,
  firstState,
  type LineSplitter,
  type OutputReader,
  type SplitterState,
} from '../rundir/index.ts';
import { type Found, pointsOf } from './patterns.ts';

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
/** Lines a second beyond which they are counted instead of published, and the burst allowed. */
const linesPerSecond = 5000;
const lineBurst = 20_000;

type Output = { subject: Subject; last: number; seq: number; sent: Cursor | null };

export function createFeed(options: FeedOptions): Feed {
  const { dir, runId, attempt } = options;
  let reader: OutputReader | null = null;
  let splitter: LineSplitter = createLineSplitter();
  let nextPoint = 1;
  let tokens = lineBurst;
  let refilledAt = Date.now();
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
    const beginning: Cursor = { state: firstState, next_point: 1 };
    const oldest = cursors
      .map((cursor) => cursor ?? beginning)
      .reduce((a, b) => (a.state.next_seq <= b.state.next_seq ? a : b));
    // Points are rare: that there was none so far is no reason to read a long log again. If there were
    // some and none is stored, the stream was lost, or they never got there.
    const [ofLogs, ofMetrics] = cursors;
    const pointless = ofMetrics === null && ofLogs?.next_point === 1;
    const from = pointless && ofLogs !== null ? ofLogs : oldest;
    splitter = createLineSplitter(from.state);
    nextPoint = from.next_point;
    reader?.close();
    reader = createOutputReader(dir, from.state.restart, from.state.used);
    return reader;
  };

  const mayPublish = (): boolean => {
    const now = Date.now();
    tokens = Math.min(lineBurst, tokens + ((now - refilledAt) / 1000) * linesPerSecond);
    refilledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };

  const add = (batch: Batch, pieces: ReturnType<LineSplitter['push']>): void => {
    for (const piece of pieces) {
      if ('gap' in piece) {
        batch.gaps.push(piece.gap);
        continue;
      }
      const { seq, stream, atMs, offset, text } = piece.line;
      const at = new Date(atMs).toISOString();
      counts.lines += 1;
      for (const found of stream === 'stdout' ? pointsOf(text) : []) {
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
            wall: at,
            value: wire,
            source: stream,
            id,
          });
        }
        nextPoint += 1;
      }
      if (seq <= logs.seq) continue;
      if (mayPublish()) {
        batch.lines.push({ seq, stream, at, text, offset });
        batch.bytes += text.length + 100;
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
    const last = points.at(-1)?.seq;
    if (last !== undefined) {
      await send(metrics, { ...common, first_seq: points[0]?.seq, last_seq: last, points }, last);
    }
    unsent = null;
  };

  const emptyBatch = (): Batch => ({ lines: [], points: [], gaps: [], skipped: [], bytes: 0 });
  const cursor = (): Cursor => ({ state: splitter.state(), next_point: nextPoint });

  return {
    async pump() {
      await flush();
      const from = reader ?? (await open(options.fresh));
      let any = false;
      for (;;) {
        const records = from === reader ? from.read() : [];
        if (records.length === 0) return any;
        any = true;
        const batch = emptyBatch();
        for (const record of records) {
          add(batch, splitter.push(record));
          if (batch.bytes < batchBytes && batch.lines.length < batchLines) continue;
          unsent = { batch: { ...batch }, cursor: cursor() };
          await flush();
          Object.assign(batch, emptyBatch());
          if (from !== reader) return true;
        }
        unsent = { batch, cursor: cursor() };
        await flush();
      }
    },
    async finish() {
      await flush();
      const batch = emptyBatch();
      add(batch, splitter.flush());
      unsent = { batch, cursor: cursor() };
      await flush();
    },
    counts: () => ({ ...counts }),
    superseded: () => superseded,
    state: () => splitter.state(),
    close: () => reader?.close(),
  };
}
