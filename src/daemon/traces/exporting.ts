/**
 * Follows the registry's transitions behind a cursor, and hands the spans that they complete to a collector. The
 * cursor goes on when the collector took them, or when they were given up: then they are counted. A crash at
 * any point has the same spans sent again, with the same ids.
 */
import { messageOf } from '../../errors.ts';
import { failpoint } from '../../failpoints.ts';
import type { TraceReader, TraceRow } from '../../persistence/index.ts';
import type { Outcome } from '../../telemetry/otlp/index.ts';
import type { Span } from '../../telemetry/traces/index.ts';
import { createTrails } from './trails.ts';

/** Why spans were given up. */
export type DropCause = 'backlog' | 'age' | 'refused' | 'rejected';

export type Progress = {
  cursor: number;
  exported: number;
  dropped: Partial<Record<DropCause, number>>;
  /** Why nothing can be handed over now, or null. */
  trouble: string | null;
};

export type ExportingOptions = {
  reader: TraceReader;
  cursor: number;
  send: (spans: readonly Span[]) => Promise<Outcome>;
  /** Transitions that may wait for a collector that takes nothing. */
  backlogMost: number;
  /** Milliseconds; what happened longer ago is not sent any more. */
  ageMostMs: number;
  report: (progress: Progress) => void;
};

export type Exporting = {
  /** Transitions up to here are on the disk: nothing beyond is told to anybody. */
  durable(pos: number): void;
  /** Hands over what there is, for so many milliseconds at most, and ends. */
  close(patienceMs: number): Promise<void>;
  ended: Promise<void>;
};

const pageRows = 256;
const backoffLeastMs = 500;
const backoffMostMs = 30_000;

export function startExporting(options: ExportingOptions): Exporting {
  const { reader, report } = options;
  const trails = createTrails(reader);
  let cursor = options.cursor;
  let upto = 0;
  let exported = 0;
  const dropped: Progress['dropped'] = {};
  let trouble: string | null = null;
  let closeBy = Number.POSITIVE_INFINITY;
  let wake: () => void = () => undefined;

  const isOver = (): boolean => Date.now() >= closeBy;
  const tell = (): void => report({ cursor, exported, dropped: { ...dropped }, trouble });
  const drop = (cause: DropCause, spans: number): void => {
    if (spans > 0) dropped[cause] = (dropped[cause] ?? 0) + spans;
  };
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  /** Spans of a page that are still to be sent; those that came too late are counted. */
  const build = (rows: readonly TraceRow[]): Span[] => {
    const oldestMs = Date.now() - options.ageMostMs;
    return rows.flatMap((row) => {
      const spans = trails.take(row);
      if (Date.parse(row.at) >= oldestMs) return spans;
      drop('age', spans.length);
      return [];
    });
  };
  /** True when there is nothing more to be done about these spans. */
  const settled = (outcome: Outcome, spans: number): boolean => {
    trouble = outcome.kind === 'failed' ? outcome.why : null;
    if (outcome.kind === 'failed') return false;
    if (outcome.kind === 'refused') drop('refused', spans);
    else {
      drop('rejected', outcome.rejected);
      exported += Math.max(0, spans - outcome.rejected);
    }
    return true;
  };
  /** Gives up the oldest of what waits, until the rest is as much as may wait. */
  const shed = (spans: readonly Span[], rows: readonly TraceRow[]): boolean => {
    const last = rows.at(-1)?.pos ?? cursor;
    if (upto - cursor <= options.backlogMost) return false;
    drop('backlog', spans.length);
    cursor = last;
    while (upto - cursor > options.backlogMost) {
      const most = Math.min(pageRows, upto - options.backlogMost - cursor);
      const page = reader.after(cursor, upto, most);
      if (page.length === 0) break;
      for (const row of page) drop('backlog', trails.take(row).length);
      cursor = page.at(-1)?.pos ?? cursor;
    }
    return true;
  };
  const handOver = async (spans: readonly Span[], rows: readonly TraceRow[]): Promise<void> => {
    for (let backoffMs = backoffLeastMs; ; backoffMs = Math.min(2 * backoffMs, backoffMostMs)) {
      const outcome = await options.send(spans);
      failpoint('traces.sent');
      if (settled(outcome, spans.length)) break;
      if (isOver() || shed(spans, rows)) return;
      tell();
      const { retryAfterMs } = outcome as Outcome & { kind: 'failed' };
      // Not all yards of a lab at the same moment.
      await pause(Math.max(retryAfterMs, backoffMs * (0.75 + 0.5 * Math.random())));
      if (isOver()) return;
    }
    cursor = rows.at(-1)?.pos ?? cursor;
  };
  const live = async (): Promise<void> => {
    tell();
    while (!isOver()) {
      try {
        const rows = reader.after(cursor, upto, pageRows);
        if (rows.length === 0) {
          // What was there was of runs that are removed.
          cursor = Math.max(cursor, upto);
          if (closeBy !== Number.POSITIVE_INFINITY) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const spans = build(rows);
        if (spans.length === 0) cursor = rows.at(-1)?.pos ?? cursor;
        else await handOver(spans, rows);
      } catch (error) {
        // A registry that cannot be read now can be read later.
        trouble = messageOf(error);
        await pause(backoffMostMs);
      }
      tell();
    }
  };
  const ended = live();
  return {
    ended,
    durable(pos) {
      const isFirst = upto <= cursor;
      upto = Math.max(upto, pos);
      // While one waits for a collector, news is no reason to ask it again.
      if (isFirst) wake();
    },
    async close(patienceMs) {
      closeBy = Date.now() + patienceMs;
      wake();
      await Promise.race([
        ended,
        new Promise((resolve) => setTimeout(resolve, patienceMs).unref()),
      ]);
    },
  };
}
