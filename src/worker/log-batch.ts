/** Lines of output on their way to the bus: as many as a message takes, the others counted. */
import type { Gap, Line } from '../rundir/index.ts';
import type { LogCursor } from './cursor.ts';
import { createThrottle } from './throttle.ts';

type LogLine = { seq: number; stream: string; at: string; text: string; offset: number };

export type LogMessage = {
  first_seq: number;
  last_seq: number;
  lines: LogLine[];
  gaps: Gap[];
  skipped: { first_seq: number; last_seq: number; reason: 'throttled' }[];
  cursor: LogCursor;
};

export type LogBatch = {
  add(line: Line): void;
  gap(gap: Gap): void;
  /** What was added since the last time, or null; `stored` is the highest line before it. */
  take(stored: number, cursor: LogCursor): LogMessage | null;
  clear(): void;
  holds(): boolean;
  isFull(): boolean;
  /** Whether what is held is to be sent, although there is room for more. */
  isDue(): boolean;
  skipped(): number;
};

/** A batch is sent when it holds this much. */
const batchBytes = 64 * 1024;
const batchLines = 500;
/** Far below what the bus takes in one message, although control characters take six bytes each. */
const messageBytes = 512 * 1024;
const lineOverheadBytes = 100;
/** While lines are left out, a message is sent this often: a flood is told of, not passed on. */
const throttledMs = 250;

type Held = Pick<LogMessage, 'lines' | 'gaps' | 'skipped'> & { bytes: number };
const nothing = (): Held => ({ lines: [], gaps: [], skipped: [], bytes: 0 });

export function createLogBatch(): LogBatch {
  const throttle = createThrottle();
  let held = nothing();
  let takenAtMs = 0;
  let skipped = 0;
  return {
    add(line) {
      const { seq, stream, offset } = line;
      const size = throttle.takes(line.endOffset - offset + lineOverheadBytes)
        ? Buffer.byteLength(JSON.stringify(line.text)) + lineOverheadBytes
        : Number.POSITIVE_INFINITY;
      if (held.bytes + size <= messageBytes) {
        const at = new Date(line.atMs).toISOString();
        held.lines.push({ seq, stream, at, text: line.text, offset });
        held.bytes += size;
        return;
      }
      skipped += 1;
      const last = held.skipped.at(-1);
      if (last !== undefined && last.last_seq === seq - 1) last.last_seq = seq;
      else held.skipped.push({ first_seq: seq, last_seq: seq, reason: 'throttled' });
    },
    /** Gaps that follow each other are one: a flood has thousands. */
    gap(gap) {
      const last = held.gaps.findLast(({ stream }) => stream === gap.stream);
      if (last?.reason === gap.reason) last.bytes += gap.bytes;
      else held.gaps.push({ ...gap });
    },
    take(stored, cursor) {
      takenAtMs = performance.now();
      const { lines, gaps, skipped: left } = held;
      held = nothing();
      const firsts = [lines[0]?.seq, left[0]?.first_seq].filter((seq) => seq !== undefined);
      const lasts = [lines.at(-1)?.seq, left.at(-1)?.last_seq].filter((seq) => seq !== undefined);
      if (firsts.length === 0 && gaps.length === 0) return null;
      const [first_seq, last_seq] =
        firsts.length === 0 ? [stored + 1, stored] : [Math.min(...firsts), Math.max(...lasts)];
      return { first_seq, last_seq, lines, gaps, skipped: left, cursor };
    },
    clear() {
      held = nothing();
    },
    holds: () => held.lines.length + held.gaps.length + held.skipped.length > 0,
    isFull: () => held.bytes >= batchBytes || held.lines.length >= batchLines,
    isDue: () => held.skipped.length === 0 || performance.now() - takenAtMs > throttledMs,
    skipped: () => skipped,
  };
}
