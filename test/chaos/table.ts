/** The report as a table in Markdown, fit for docs/reliability.md. */
import os from 'node:os';
import type { ChaosReport } from './chaos.ts';
import { counts } from './checker.ts';
import { kinds } from './killer.ts';

export function tableOf(report: ChaosReport, seed: number): string {
  const { kills, hits, findings } = report;
  const atFailpoints = (kind: string): number =>
    [...hits].reduce((sum, [name, count]) => sum + (processOf(name) === kind ? count : 0), 0);
  const minutes = (report.tookMs / 60_000).toFixed(1);
  const [cpu] = os.cpus();
  const rows = kinds.map(
    (kind) =>
      [
        kind,
        kills.random[kind],
        atFailpoints(kind),
        kills.random[kind] + atFailpoints(kind),
      ] as const,
  );
  const sorted = [...hits].sort(([a], [b]) => a.localeCompare(b));
  return [
    `${new Date().toISOString().slice(0, 10)}, seed ${seed}, ${minutes} min on ${os.cpus().length} × ${cpu?.model.trim()}, Linux ${os.release()}, Node ${process.versions.node}.`,
    `${report.runs} runs, ${report.started} of them started a trainer; at least ${kills.leastLive} live runs at each kill.`,
    '',
    ...table(
      ['killed', 'at random', 'at failpoints', 'together'],
      [...rows, ['all', sum(rows, 1), sum(rows, 2), sum(rows, 3)]],
    ),
    '',
    ...table(
      ['found', 'count'],
      counts.map((name) => [name, findings[name].length]),
    ),
    '',
    ...table(
      Array.from({ length: columns }, () => ['failpoint', 'hits']).flat(),
      inColumns(sorted),
    ),
    ...[...kills.missed].map(([name, count]) => `Nothing passed ${name} in time, ${count} times.`),
  ].join('\n');
}

export function complaintsOf({ findings }: ChaosReport): string[] {
  return counts.flatMap((name) => findings[name].map((text) => `${name}: ${text}`));
}

function processOf(failpoint: string): string {
  const [head = ''] = failpoint.split('.');
  return head === 'worker' || head === 'recorder' ? head : 'daemon';
}

type Cell = string | number;

/** Name and hits side by side, so that sixty places fit a page. */
const columns = 3;

function inColumns(pairs: readonly (readonly Cell[])[]): Cell[][] {
  const height = Math.ceil(pairs.length / columns);
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: columns }, (_, column) => pairs[column * height + row] ?? ['', '']).flat(),
  );
}

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const line = (cells: readonly Cell[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

function sum(rows: readonly (readonly Cell[])[], column: number): number {
  return rows.reduce((total, row) => total + Number(row[column]), 0);
}
