/** How runs look to people: glyphs, durations, tables. Pure. */
import { stripVTControlCharacters } from 'node:util';
import type { RunEvent, RunStatus, RunSummary } from '../contracts/index.ts';
import { clusterPlace, slotsText } from '../slots.ts';
import { bytesText, clockText, duration, glyphs } from '../units.ts';
import type { Style, Terminal } from './terminal.ts';

export { bytesText, clockText, duration, slotsText };

const styles: Readonly<Record<RunStatus, Style>> = {
  queued: 'dim',
  allocating: 'cyan',
  running: 'green',
  stopping: 'yellow',
  completed: 'green',
  failed: 'red',
  lost: 'red',
  rejected: 'red',
  cancelled: 'yellow',
};

type Paint = Terminal['paint'];

export function glyphOf(status: string): string {
  return (glyphs as Record<string, string>)[status] ?? '?';
}

/** `● running`, in its colour: never the colour alone. */
export function statusText(status: string, paint: Paint): string {
  const style = (styles as Record<string, Style>)[status] ?? 'dim';
  return paint(style, `${glyphOf(status)} ${status}`);
}

/** Where it runs: `GPU 0,1`, or `node2 (job 17)` on a cluster. */
export function placeText(slots: readonly string[]): string {
  return clusterPlace(slots) === null ? `GPU ${slots.join(',')}` : slotsText(slots);
}

/** How long the run has been, or was, going; while it waits, how long it has waited. */
export function runMs(run: RunSummary, nowMs: number): number {
  const from = Date.parse(run.started_at || run.submitted_at);
  return (run.finished_at === '' ? nowMs : Date.parse(run.finished_at)) - from;
}

/** Columns that line up, the last one free; a line for each row, whatever is in its cells. */
export function table(texts: readonly (readonly string[])[]): string[] {
  const rows = texts.map((row) => row.map(plainCell));
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, seen(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, index) =>
        index === row.length - 1 ? cell : cell + ' '.repeat((widths[index] ?? 0) - seen(cell)),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** A cell of a tab-separated table. */
export function plainCell(text: string): string {
  return text.replaceAll(/[\t\n\r]+/g, ' ');
}

export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** How a run ended, in one line: `✓ completed  41 s · exit 0`. */
export function endLine(run: RunSummary, paint: Paint, nowMs: number): string {
  const parts = [duration(runMs(run, nowMs))];
  if (run.exit_signal !== '') parts.push(run.exit_signal);
  else if (run.exited) parts.push(`exit ${run.exit_code}`);
  if (run.last_metric !== '') parts.push(run.last_metric);
  const why = run.failure_reason?.text || (run.status === 'completed' ? '' : run.why);
  // The code was just said.
  if (why !== '' && run.failure_reason?.code !== 'exit_nonzero') parts.push(why);
  else if (run.failure_cause != null) parts.push(run.failure_cause.text);
  return `${statusText(run.status, paint)}  ${parts.join(' · ')}`;
}

/** What was found before a start that does not keep the run from starting, and what could not be kept of it. */
export function warningsOf(events: readonly RunEvent[]): string[] {
  return events
    .filter(({ event }) => event === 'preflight.passed' || event === 'output.collected')
    .flatMap(({ detail_json }) => {
      const detail = JSON.parse(detail_json || '{}') as { warnings?: unknown; problem?: unknown };
      const problems = typeof detail.problem === 'string' ? [detail.problem] : [];
      return Array.isArray(detail.warnings) ? detail.warnings.map(String) : problems;
    });
}

/** A line that is not seen wider than `columns`: cut at its end, without its colours where it has to be. */
export function fitting(line: string, columns: number): string {
  const over = seen(line) - columns;
  if (over <= 0) return line;
  const kept = line.slice(0, line.length - over - 1);
  const isColoured = line.slice(kept.length).includes('\u001b');
  return isColoured ? cut(stripVTControlCharacters(line), columns) : `${kept}…`;
}

function seen(text: string): number {
  return stripVTControlCharacters(text).length;
}
