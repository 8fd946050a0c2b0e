/**
 * The points of an attempt from a number on, each once and in order: from the bus, where it has them, else
 * from the run's files; what neither has is told as a gap. Outlives the connection, and a stream that was
 * made anew, by going on behind the last number. Holds a position, and at most two batches of messages.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { GapReason } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import {
  type PointLine,
  type PointsText,
  pointsAfter,
  pointsName,
  textAfter,
  unbroken,
} from '../../history/index.ts';
import type { StoredReader } from '../../transport/nats/index.ts';
import { reasonOf } from './reason.ts';
import { type Head, headOf, lastOf, seek } from './seek.ts';

export type Piece =
  /** A message of the bus. What of it is before `from` was told before. */
  | { kind: 'message'; head: Head; data: Uint8Array; from: number }
  | { kind: 'points'; points: PointLine[] }
  /** Of the run's files, as they have it. */
  | ({ kind: 'text' } & PointsText)
  | { kind: 'gap'; first: number; last: number; reason: GapReason }
  /** Nothing more is there now. */
  | { kind: 'live'; next: number };

export type Bus = {
  reader: StoredReader;
  /** Calls back when the run has more points, or may have. */
  onMore(wake: () => void): () => void;
};

export type PiecesOptions = {
  attempt: number;
  from: number;
  /** The last one wanted; null: all that are there now, and, when following, those to come. */
  to: number | null;
  follow: boolean;
  /** Where the run's files are. */
  dir: string;
  bus: () => Bus | null;
  /** What is known of the attempt's points beside the bus. */
  known: () => { upto: number; ended: boolean };
  /** True when the attempt is over. */
  over: () => boolean;
  signal: AbortSignal;
};

const lookMs = 1000;
const awayMs = 300;
/** An attempt that is over and did not say that it has no more points: its worker may still publish. */
const patienceMs = { silent: 3000, begun: 10_000 };

export async function* pieces(options: PiecesOptions): AsyncGenerator<Piece> {
  const { signal, follow } = options;
  const telling = createTelling(options);
  // Most of a long history: reading it there costs less than from the bus.
  yield* telling.fromText();
  for (;;) {
    const bus = options.bus();
    try {
      if (bus === null) {
        // Who follows waits for what the bus may have.
        yield* follow ? telling.fromText() : telling.fromFiles(Number.POSITIVE_INFINITY);
        if (telling.isWhole()) return;
        throw away(telling.next());
      }
      if (yield* telling.fromBus(bus)) return;
    } catch (error) {
      const isAway = error instanceof RunyardError && error.code === 'bus_unavailable';
      if (!isAway || !follow) throw error;
      await pause(awayMs, signal);
    }
    if (signal.aborted) return;
  }
}

function away(next: number): RunyardError {
  const text = `points before ${next} were told; those after it are on the bus, which is away`;
  return new RunyardError('bus_unavailable', text);
}

/** What is told so far, and how it goes on. */
function createTelling(options: PiecesOptions) {
  const { attempt, dir, known, over, signal, follow } = options;
  let next = options.from;
  let live = false;
  /** No more points of the attempt come. */
  let ended = false;
  let begun = false;
  let overSince: number | null = null;

  const isWhole = (): boolean => {
    if (options.to !== null && next > options.to) return true;
    const { upto, ended: all } = known();
    return all && next > upto;
  };

  /** What the files have without a hole. */
  async function* fromText(): AsyncGenerator<Piece> {
    if (options.to !== null || known().upto < next) return;
    for await (const text of textAfter(dir, pointsName, { attempt, seq: next })) {
      if (signal.aborted) return;
      next = text.last + 1;
      yield { kind: 'text', ...text };
    }
  }

  const gap = async (last: number): Promise<Piece> => {
    const reader = options.bus()?.reader ?? null;
    const reason = await reasonOf(dir, { name: pointsName, attempt }, reader);
    return { kind: 'gap', first: next, last, reason };
  };

  /** What the files have up to a number. */
  async function* fromFiles(to: number): AsyncGenerator<Piece> {
    const last = Math.min(to, options.to ?? Number.POSITIVE_INFINITY);
    for (const block of pointsAfter(dir, pointsName, { attempt, seq: next })) {
      if (signal.aborted || next > last) return;
      for (const points of unbroken(block.filter(({ seq }) => seq >= next && seq <= last))) {
        const first = points[0]?.seq ?? next;
        if (first > next) yield await gap(first - 1);
        next = first + points.length;
        yield { kind: 'points', points };
      }
      await turn();
    }
  }
  async function* missing(to: number): AsyncGenerator<Piece> {
    yield* fromFiles(to);
    if (next > to) return;
    yield await gap(to);
    next = to + 1;
  }
  async function* ofMessage(data: Uint8Array): AsyncGenerator<Piece> {
    const head = headOf(data);
    if (head.attempt > attempt) ended = true;
    if (head.attempt !== attempt) return;
    begun = true;
    if (head.last_seq < head.first_seq) ended ||= isEnd(data);
    if (head.last_seq < next) return;
    if (head.first_seq > next) yield* missing(head.first_seq - 1);
    const from = next;
    next = head.last_seq + 1;
    overSince = null;
    yield { kind: 'message', head, data, from };
  }
  const isHole = (data: Uint8Array): boolean => {
    const head = headOf(data);
    return head.attempt === attempt && head.first_seq > next;
  };
  const isOver = (): boolean => {
    if (ended || isWhole()) return true;
    if (!over()) return false;
    overSince ??= performance.now();
    const patience = begun ? patienceMs.begun : patienceMs.silent;
    return performance.now() - overSince > patience;
  };

  /** True when all was told; false when it has to be looked for anew. */
  async function* fromBus({ reader, onMore }: Bus): AsyncGenerator<Piece, boolean> {
    const made = await reader.made();
    const to = options.to ?? (follow ? null : await lastOf(reader, attempt));
    let at = await seek(reader, { attempt, seq: next });
    const waiting = createWaiting(onMore, signal);
    let isLost = false;
    try {
      let coming = ahead(reader, at);
      while (!signal.aborted) {
        const { messages, pending } = await coming();
        at = (messages.at(-1)?.seq ?? at - 1) + 1;
        // The next ones come while these are taken.
        if (pending > 0) coming = ahead(reader, at);
        const isQuiet = messages.length === 0;
        if (isQuiet && (await reader.made()) !== made) return false;
        for (const { data } of messages) {
          // A hole may be one of another stream, of which this sequence says nothing.
          if (isHole(data) && (await reader.made()) !== made) return false;
          yield* ofMessage(data);
          if (signal.aborted || (to !== null && next > to)) return true;
        }
        if (pending > 0 && !ended) continue;
        // What the bus has lost the files may have; unless it came to the bus just now.
        const { upto } = known();
        if (upto >= next) yield* fromFiles(upto);
        if (upto >= next && !isLost) {
          isLost = true;
          coming = ahead(reader, at);
          continue;
        }
        isLost = false;
        if (upto >= next) yield* missing(upto);
        if (!follow) return true;
        if (!live) yield { kind: 'live', next };
        live = true;
        if (isOver()) return true;
        await waiting.more(over() ? awayMs : lookMs);
        coming = ahead(reader, at);
      }
      return true;
    } finally {
      waiting.close();
    }
  }
  return { fromBus, fromFiles, fromText, isWhole, next: () => next };
}

/** Asked at once; what goes wrong is told to who takes it. */
function ahead(reader: StoredReader, at: number): () => ReturnType<StoredReader['from']> {
  const coming = reader.from(at);
  coming.catch(() => undefined);
  return () => coming;
}

function isEnd(data: Uint8Array): boolean {
  return (JSON.parse(Buffer.from(data).toString('utf8')) as { end?: boolean }).end === true;
}

/** Waits for more without missing what came just before. */
function createWaiting(onMore: Bus['onMore'], signal: AbortSignal) {
  let isMore = false;
  let wake: () => void = () => undefined;
  const off = onMore(() => {
    isMore = true;
    wake();
  });
  return {
    async more(ms: number): Promise<void> {
      if (!isMore) {
        const woken = new AbortController();
        wake = () => woken.abort();
        await pause(ms, AbortSignal.any([signal, woken.signal]));
      }
      isMore = false;
    },
    close: off,
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
