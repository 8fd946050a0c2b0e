/**
 * What changes in the yard, to one reader. It holds a position and the ids of runs whose summaries are
 * due, never messages: a reader that stands still costs that, and goes on where it was.
 */
import type { OrchestratorPort, RunSummary } from '../../../contracts/index.ts';
import type { Outlet } from './outlet.ts';
import { summaryOf } from './subscriptions.ts';

export type Flow = { wake(): void; close(): void };

const pageRows = 250;
/** Between two writes: 200 changes a second are 20 messages. */
const paceMs = 50;
/** Of one run its summary comes at most four times a second, and the last one always. */
const perRunMs = 250;

/**
 * `resumes`: the reader had all before `from`; of runs that changed just before it, though, the line may have broken
 * between the transition and the summary that follows it. `failed` is told of what the registry refused; the reader goes on
 * from its position later.
 */
export function createFlow(
  port: OrchestratorPort,
  outlet: Outlet,
  { from, resumes }: { from: number; resumes: boolean },
  failed: (error: unknown) => void,
): Flow {
  let pos = from;
  let timer: NodeJS.Timeout | null = null;
  let timerAtMs = 0;
  let isClosed = false;
  let lastMs = 0;
  /** When each run's summary may go out. */
  const due = new Map<string, number>();
  const sent = new Map<string, number>();
  if (resumes) {
    const before = port.yardEvents(Math.max(0, from - pageRows), pageRows);
    for (const { run_id: id, pos: at } of before) if (at <= from) due.set(id, 0);
  }

  const flush = (): void => {
    timer = null;
    if (!outlet.ready()) return;
    lastMs = performance.now();
    const events = port.yardEvents(pos, pageRows);
    const newest = events.at(-1);
    if (newest !== undefined) {
      pos = newest.pos;
      for (const { run_id: id } of events) {
        if (!due.has(id)) due.set(id, (sent.get(id) ?? 0) + perRunMs);
      }
      outlet.event('transitions', events, pos);
    }
    const runs = summaries();
    if (runs.length > 0) outlet.event('runs', { runs });
    forget();
    // Who drains wakes us; nothing is written before.
    if (!outlet.ready()) return;
    if (events.length === pageRows) plan(0);
    else if (due.size > 0) plan(Math.max(paceMs, Math.min(...due.values()) - performance.now()));
  };
  const summaries = (): RunSummary[] => {
    const now = performance.now();
    const found: RunSummary[] = [];
    for (const [id, at] of due) {
      if (at > now || found.length === pageRows) continue;
      due.delete(id);
      sent.set(id, now);
      const run = summaryOf(port, id);
      if (run !== null) found.push(run);
    }
    return found;
  };
  const forget = (): void => {
    const before = performance.now() - perRunMs;
    for (const [id, at] of sent) if (at < before) sent.delete(id);
  };
  /** The sooner one counts: what changed now does not wait for a summary that is due later. */
  const plan = (ms: number): void => {
    const atMs = performance.now() + ms;
    if (isClosed || (timer !== null && timerAtMs <= atMs)) return;
    if (timer !== null) clearTimeout(timer);
    timerAtMs = atMs;
    timer = setTimeout(() => {
      try {
        flush();
      } catch (error) {
        failed(error);
      }
    }, ms).unref();
  };
  return {
    wake() {
      if (!outlet.ready()) return;
      // At once after a pause, together when they come fast.
      plan(Math.max(0, paceMs - (performance.now() - lastMs)));
    },
    close() {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      due.clear();
    },
  };
}
