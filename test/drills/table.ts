/** What came of the drills, as a table in Markdown fit for docs/reliability.md. */
import os from 'node:os';
import type { Result } from './drill.ts';

export function isPassed({ lost, failure }: Result): boolean {
  return lost.length === 0 && failure === null;
}

export function verdictOf(result: Result): string {
  if (result.skipped !== null) return `skipped: ${result.skipped}`;
  return isPassed(result) ? 'passed' : 'failed';
}

/** `commit`: what was tried, in short. */
export function tableOf(results: readonly Result[], commit: string): string {
  const [cpu] = os.cpus();
  const head = ['drill', 'provoked', 'told after', 'well after', 'runs', 'lost', 'verdict'];
  const rows = results.map((result) => [
    `[${result.name}](runbooks/${result.page}.md)`,
    result.provoked,
    timeOf(result.toldS),
    timeOf(result.healedS),
    result.skipped === null ? result.runs : '–',
    result.skipped === null ? result.lost.length : '–',
    verdictOf(result),
  ]);
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [
    `${new Date().toISOString().slice(0, 10)}, tree \`${commit}\`, ${os.cpus().length} × ${cpu?.model.trim()}, Linux ${os.release()}, Node ${process.versions.node}, load ${os.loadavg()[0]?.toFixed(0)}.`,
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map(line),
  ].join('\n');
}

function timeOf(seconds: number | null): string {
  return seconds === null ? '–' : `${seconds.toFixed(1)} s`;
}
