/** Turns records of output into numbered lines, and can go on from where another left off. */
import {
  type GapReason,
  headerBytes,
  type OutputRecord,
  type Place,
  type StreamName,
} from './output.ts';

export type Line = {
  /** 1, 2, 3 … over both streams, in the order in which lines end. */
  seq: number;
  stream: StreamName;
  /** When the record was read in which the line ends. */
  atMs: number;
  /** Of its first byte in its stream. */
  offset: number;
  /** Of the first byte after it, line break included. */
  endOffset: number;
  readonly text: string;
  /** Its bytes, for as long as those of its record are there. Costs less than to ask its text. */
  readonly data: Buffer;
  /** Its end is elsewhere: in the next line, because it is long, or in a gap. */
  truncated?: true;
};
export type Gap = { stream: StreamName; bytes: number; reason: GapReason };
export type Piece = { line: Line } | { gap: Gap };

/** Enough to go on exactly: which line is next, and which bytes of each stream were used up. */
export type SplitterState = {
  next_seq: number;
  used: Record<StreamName, number>;
  /** The earliest record with bytes that are still needed. */
  restart: Place;
};

/** Longer lines are split. */
export const lineMaxBytes = 16 * 1024;
const newline = 10;
const carriageReturn = 13;
const streams = ['stdout', 'stderr'] as const;

export type LineSplitter = {
  push(record: OutputRecord): Piece[];
  /** The unfinished last lines, when no more output comes. */
  flush(): Piece[];
  state(): SplitterState;
  /** Lines that have begun and not ended: of a progress bar, what it shows now. */
  begun(): { stream: StreamName; atMs: number; offset: number; text: string }[];
};

export const firstState: SplitterState = {
  next_seq: 1,
  used: { stdout: 0, stderr: 0 },
  restart: { segment: 1, position: 0 },
};

/** A line that has begun: its bytes, and the record in which it began. */
type Begun = { data: Buffer; place: Place; atMs: number };

/**
 * With `lazy`, the text of a line is made when it is asked for, which has to be before the next record:
 * most lines of a flood are only counted. With `raw` a text keeps what a progress bar rewrote.
 */
export function createLineSplitter(
  from: SplitterState = firstState,
  { lazy = false, raw = false }: { lazy?: boolean; raw?: boolean } = {},
): LineSplitter {
  let seq = from.next_seq;
  let after: Place = from.restart;
  const used = { ...from.used };
  const begun: Record<StreamName, Begun | null> = { stdout: null, stderr: null };

  /** The line of the next `length` bytes of a stream, of which `data` is shown. */
  const emit = (
    stream: StreamName,
    data: Buffer,
    more: { length: number; atMs: number; truncated?: boolean },
  ): Piece => {
    const offset = used[stream];
    used[stream] += more.length;
    const endOffset = used[stream];
    const { atMs } = more;
    const line: Line = lazy
      ? new LazyLine(seq, stream, atMs, offset, endOffset, data)
      : { seq, stream, atMs, offset, endOffset, data, text: raw ? String(data) : textOf(data) };
    if (more.truncated === true) line.truncated = true;
    seq += 1;
    return { line };
  };

  /** What was begun ends here: at a gap, or because no more output comes. */
  const end = (stream: StreamName, truncated: boolean): Piece[] => {
    const held = begun[stream];
    begun[stream] = null;
    if (held === null) return [];
    const { data, atMs } = held;
    return [emit(stream, data, { length: data.length, atMs, truncated })];
  };

  return {
    push(record) {
      const { stream, place, atMs } = record;
      const position = place.position + headerBytes + record.data.length;
      after = { segment: place.segment, position };
      const have = used[stream] + (begun[stream]?.data.length ?? 0);
      // After a restart, records come again whose bytes were used up before.
      const data = record.data.subarray(Math.max(0, have - record.offset));
      if (data.length === 0) return [];
      const pieces: Piece[] = [];
      const missing = record.offset - have;
      if (missing > 0) {
        pieces.push(...end(stream, true));
        pieces.push({ gap: { stream, bytes: missing, reason: record.gapReason } });
        used[stream] += missing;
      }
      const held = begun[stream];
      // Only as much is joined as ends what was begun: a flood has large records and short lines.
      const stop = held === null ? -1 : data.indexOf(newline);
      const first = stop < 0 ? data : data.subarray(0, stop + 1);
      let rest = held === null ? data : Buffer.concat([held.data, first]);
      const cutAll = (): void => {
        for (let cut = nextCut(rest); cut !== null; cut = nextCut(rest)) {
          const shown = rest.subarray(0, cut.shown);
          pieces.push(emit(stream, shown, { length: cut.length, atMs, truncated: cut.truncated }));
          rest = rest.subarray(cut.length);
        }
      };
      cutAll();
      if (stop >= 0) {
        rest = data.subarray(stop + 1);
        cutAll();
      }
      // The rest began in an earlier record if it is longer than what this one brought.
      const began = held !== null && rest.length > data.length ? held.place : place;
      begun[stream] = rest.length === 0 ? null : { data: Buffer.from(rest), place: began, atMs };
      return pieces;
    },
    begun: () =>
      streams.flatMap((stream) => {
        const held = begun[stream];
        if (held === null) return [];
        const { atMs, data } = held;
        return [{ stream, atMs, offset: used[stream], text: raw ? String(data) : textOf(data) }];
      }),
    flush: () => streams.flatMap((stream) => end(stream, false)),
    state() {
      const places = [begun.stdout?.place, begun.stderr?.place].filter((p) => p !== undefined);
      return { next_seq: seq, used: { ...used }, restart: places.reduce(earlier, after) };
    },
  };
}

class LazyLine implements Line {
  declare truncated?: true;
  readonly seq: number;
  readonly stream: StreamName;
  readonly atMs: number;
  readonly offset: number;
  readonly endOffset: number;
  readonly data: Buffer;

  constructor(
    seq: number,
    stream: StreamName,
    atMs: number,
    offset: number,
    endOffset: number,
    data: Buffer,
  ) {
    this.seq = seq;
    this.stream = stream;
    this.atMs = atMs;
    this.offset = offset;
    this.endOffset = endOffset;
    this.data = data;
  }

  get text(): string {
    return textOf(this.data);
  }
}

/** What is missing behind the last line: what could not be written at the very end. After flush(). */
export function missingAtEnd(
  state: SplitterState,
  totals: Record<StreamName, { bytes: number }>,
): Gap[] {
  return streams
    .map((stream) => ({ stream, bytes: totals[stream].bytes - state.used[stream] }))
    .filter(({ bytes }) => bytes > 0)
    .map((gap): Gap => ({ ...gap, reason: 'disk_full' }));
}

/**
 * Where the first line of `data` ends, or null while that is unknown. It depends on the bytes of the
 * line alone, never on how they came in records, so that every reader numbers lines alike.
 */
function nextCut(data: Buffer): { shown: number; length: number; truncated: boolean } | null {
  const end = data.indexOf(newline);
  if (end >= 0 && end <= lineMaxBytes) return { shown: end, length: end + 1, truncated: false };
  if (data.length <= lineMaxBytes) return null;
  // A progress bar that goes on and on is cut between two of its states.
  const rewritten = data.lastIndexOf(carriageReturn, lineMaxBytes - 1);
  const length = rewritten > 0 ? rewritten + 1 : characterBoundary(data, lineMaxBytes);
  return { shown: length, length, truncated: true };
}

/** The last place at or before `at` that does not cut a UTF-8 character. */
function characterBoundary(data: Buffer, at: number): number {
  for (let back = 0; back <= 3; back += 1) {
    if (((data[at - back] ?? 0) & 0xc0) !== 0x80) return at - back;
  }
  return at;
}

function earlier(a: Place, b: Place): Place {
  if (a.segment !== b.segment) return a.segment < b.segment ? a : b;
  return a.position <= b.position ? a : b;
}

/** Text of a line: a progress bar's rewrites leave what was shown last. */
function textOf(data: Buffer): string {
  const text = data.toString('utf8').replace(/\r+$/, '');
  return text.slice(text.lastIndexOf('\r') + 1);
}
