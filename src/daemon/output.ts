/** Logs of an attempt, as the API streams them. */
import fs from 'node:fs';
import path from 'node:path';
import type { LogBegun, LogChunk, LogsRequest } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import {
  attemptDir,
  attemptFiles,
  createLineSplitter,
  createOutputReader,
  type LineSplitter,
  missingAtEnd,
  type Piece,
  readDrained,
} from '../rundir/index.ts';

type Which = { runId: string; attempt: number };

/** A chunk stays far below what a client accepts. */
const chunkLines = 200;
const chunkBytes = 64 * 1024;
const pollMs = 50;

/** Lines from the recorder's files. Follows until the recorder said that no more comes, or the run is done. */
export async function* streamLogs(options: {
  home: string;
  which: Which;
  request: LogsRequest;
  /** True when nothing of the run is alive any more. */
  over: () => boolean;
  signal: AbortSignal;
}): AsyncGenerator<LogChunk> {
  const { which, request, over, signal } = options;
  const dir = attemptDir(options.home, which.runId, which.attempt);
  if (!fs.existsSync(dir) && !request.follow) return;
  while (!fs.existsSync(dir)) {
    if (signal.aborted || over()) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const sinceMs = sinceOf(request.since);
  const wanted = (piece: Piece): boolean =>
    'gap' in piece ||
    (piece.line.seq >= request.from_seq &&
      piece.line.atMs >= sinceMs &&
      (!request.stderr_only || piece.line.stream === 'stderr'));
  const reader = createOutputReader(dir, undefined, undefined, { lend: true });
  const splitter = createLineSplitter(undefined, { raw: request.raw });
  let shown = '';
  let held: Piece[] = [];
  let catchingUp = request.tail > 0;
  try {
    while (!signal.aborted) {
      const finished = fs.existsSync(path.join(dir, attemptFiles.drained)) || over();
      const records = reader.read();
      for (const record of records) held.push(...splitter.push(record).filter(wanted));
      if (catchingUp) held = lastLines(held, request.tail);
      const end = records.length === 0 && (finished || !request.follow);
      if (end) held.push(...splitter.flush().filter(wanted));
      const drained = end ? readDrained(dir) : null;
      if (drained !== null)
        held.push(...missingAtEnd(splitter.state(), drained).map((gap) => ({ gap })));
      if (end && catchingUp) held = lastLines(held, request.tail);
      if (records.length > 0 && catchingUp) continue;
      catchingUp = false;
      // What was begun is shown again below new lines.
      if (held.length > 0) shown = '';
      yield* chunks(which.attempt, held);
      held = [];
      if (end) return;
      if (records.length === 0 && request.begun && request.follow) {
        const begun = begunLines(splitter.begun(), request.stderr_only);
        const text = JSON.stringify(begun);
        // One that ended was replaced by the line itself.
        if (text !== shown && begun.length > 0)
          yield { attempt: which.attempt, lines: [], gaps: [], begun };
        shown = text;
      }
      if (records.length === 0) await new Promise((resolve) => setTimeout(resolve, pollMs));
      else await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    reader.close();
  }
}

/** Throws `usage`. */
function sinceOf(text: string): number {
  if (text === '') return 0;
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  const violation = { field: 'since', rule: `must be a time, not "${text}"`, hint: 'RFC 3339' };
  throw new RunyardError('usage', 'these logs cannot be read', { violations: [violation] });
}

function begunLines(begun: ReturnType<LineSplitter['begun']>, stderrOnly: boolean): LogBegun[] {
  return begun
    .filter(({ stream }) => !stderrOnly || stream === 'stderr')
    .map(({ atMs, ...line }) => ({ ...line, at: new Date(atMs).toISOString() }));
}

function lastLines(pieces: Piece[], count: number): Piece[] {
  return pieces.length <= count ? pieces : pieces.slice(pieces.length - count);
}

function* chunks(attempt: number, pieces: readonly Piece[]): Generator<LogChunk> {
  let chunk: LogChunk = { attempt, lines: [], gaps: [], begun: [] };
  let bytes = 0;
  for (const piece of pieces) {
    const full = chunk.lines.length >= chunkLines || bytes > chunkBytes;
    // Gaps of a chunk come before its lines.
    if (full || ('gap' in piece && chunk.lines.length > 0)) {
      yield chunk;
      chunk = { attempt, lines: [], gaps: [], begun: [] };
      bytes = 0;
    }
    if ('gap' in piece) {
      chunk.gaps.push(piece.gap);
      continue;
    }
    const { seq, stream, atMs, text, offset } = piece.line;
    chunk.lines.push({ seq, stream, at: new Date(atMs).toISOString(), text, offset });
    bytes += text.length;
  }
  if (chunk.lines.length > 0 || chunk.gaps.length > 0) yield chunk;
}
