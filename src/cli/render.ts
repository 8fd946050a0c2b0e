/** How runs look to people: glyphs, durations, tables. Pure. */
import { stripVTControlCharacters } from 'node:util';
import type { RunEvent, RunStatus, RunSummary } from '../contracts/index.ts';
import type { Style, Terminal } from './terminal.ts';

const looks: Readonly<Record<RunStatus, readonly [glyph: string, style: Style]>> = {
  queued: ['○', 'dim'],
  allocating: ['◐', 'cyan'],
  running: ['●', 'green'],
  stopping: ['◑', 'yellow'],
  completed: ['✓', 'green'],
  failed: ['✗', 'red'],
  lost: ['✗', 'red'],
  rejected: ['✗', 'red'],
  cancelled: ['⊘', 'yellow'],
};

type Paint = Terminal['paint'];

export function glyphOf(status: string): string {
  return (looks as Record<string, (typeof looks)['queued']>)[status]?.[0] ?? '?';
}

/** `● running`, in its colour: never the colour alone. */
export function statusText(status: string, paint: Paint): string {
  const [glyph, style] = (looks as Record<string, (typeof looks)['queued']>)[status] ?? [
    '?',
    'dim',
  ];
  return paint(style, `${glyph} ${status}`);
}

/** Two units at most: `12 ms`, `2.3 s`, `41 s`, `12m`, `3h05`, `2d4h`. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 ? `${minutes}m${pad(seconds % 60)}` : `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h${pad(minutes % 60)}` : `${Math.floor(hours / 24)}d${hours % 24}h`;
}

/** `00:41`, `1:02:03`. */
export function clockText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const rest = `${pad((seconds % 3600) / 60)}:${pad(seconds % 60)}`;
  return hours === 0 ? rest : `${hours}:${rest}`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
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

function pad(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}
