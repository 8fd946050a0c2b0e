/** The state of a yard in one line, made of the same reasons as everything else that tells of it. */
import type { DaemonStatus, HealthReason } from './api.ts';

/** `ok`, or `degraded: disk 97 % full, new runs refused, 3 runs unaffected`. */
export function headlineOf({
  status,
  reasons,
  runs_live: live,
}: Pick<DaemonStatus, 'status' | 'reasons' | 'runs_live'>): string {
  if (reasons.length === 0) return status;
  const parts = [...new Set(reasons.map(shortOf))];
  if (reasons.some(({ refuses_runs: refuses }) => refuses)) parts.push('new runs refused');
  if (live > 0) parts.push(`${live} run${live === 1 ? '' : 's'} unaffected`);
  return `${status}: ${parts.join(', ')}`;
}

const shorts: Readonly<Record<string, string>> = {
  bus: 'bus away',
  console: 'console closed',
  gpus: 'GPUs in trouble',
  notify: 'hooks fail',
  registry: 'registry in trouble',
};

function shortOf({ part, text }: HealthReason): string {
  if (part === 'disk') return `disk ${/\((\d+ % full)\)/.exec(text)?.[1] ?? 'full'}`;
  return shorts[part] ?? part;
}
