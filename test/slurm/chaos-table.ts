/** A round as tables in Markdown, fit for docs/reliability.md. */
import os from 'node:os';
import type { SlurmChaosReport } from './chaos.ts';
import { victims } from './chaos-killer.ts';
import { codeOf, counts } from './chaos-verdict.ts';

export function tableOf(report: SlurmChaosReport, seed: number): string {
  const { killed, runs, findings, tookMs } = report;
  const minutes = (tookMs / 60_000).toFixed(1);
  const done = runs.map(({ done: told }) => (told === null ? 'not over' : codeOf(told)));
  const attempts = runs.reduce((sum, { attempts: all }) => sum + all.length, 0);
  const load = os.loadavg()[0]?.toFixed(0);
  return [
    `${new Date().toISOString().slice(0, 10)}, seed ${seed}, ${minutes} min, load ${load} on ${os.cpus().length} cores.`,
    `${runs.length} runs with ${attempts} attempts, ${killed.length} kills.`,
    '',
    ...table(
      ['killed', 'times'],
      victims.map((name) => [name, killed.filter(({ victim }) => victim === name).length]),
    ),
    '',
    ...table(
      ['ended as', 'runs'],
      [...new Set(done)].sort().map((name) => [name, done.filter((each) => each === name).length]),
    ),
    '',
    ...table(
      ['found', 'count'],
      counts.map((name) => [name, findings[name].length]),
    ),
  ].join('\n');
}

type Cell = string | number;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const line = (cells: readonly Cell[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
