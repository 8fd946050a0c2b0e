/** How a group looks to people: its state, its runs by their cells, and means over seeds. Pure. */
import type { GroupSummary, MetricKey, RunSummary } from '../contracts/index.ts';
import { seedNames } from '../params.ts';
import { moments, numberText } from './numbers.ts';
import { cut, duration, glyphOf, runMs, statusText } from './render.ts';
import type { Terminal } from './terminal.ts';

type Paint = Terminal['paint'];

const counted = [
  'running',
  'allocating',
  'stopping',
  'queued',
  'completed',
  'failed',
  'lost',
  'rejected',
  'cancelled',
] as const;

/** `6 runs · 2 ● 4 ○`. */
export function progressText(group: GroupSummary): string {
  const parts = new Map<string, number>();
  for (const status of counted) {
    const glyph = glyphOf(status);
    if (group[status] > 0) parts.set(glyph, (parts.get(glyph) ?? 0) + group[status]);
  }
  const counts = [...parts].map(([glyph, count]) => `${count} ${glyph}`).join(' ');
  return `${group.runs} run${group.runs === 1 ? '' : 's'} · ${counts}`;
}

/** `g:dqn-7q  ● running  12m · 6 runs · 2 ● 4 ○`. */
export function groupLine(group: GroupSummary, paint: Paint, nowMs: number): string {
  const from = Date.parse(group.started_at || group.submitted_at);
  const to = group.finished_at === '' ? nowMs : Date.parse(group.finished_at);
  const parts = [duration(to - from), progressText(group)];
  if (group.superseded > 0) parts.push(`${group.superseded} superseded`);
  if (group.held > 0) parts.push(`${group.held} held`);
  if (group.at_once > 0) parts.push(`at most ${group.at_once} at once`);
  return `${paint('bold', `g:${group.group}`)}  ${statusText(group.state, paint)}  ${parts.join(' · ')}`;
}

/** Names of the parameters of these runs, in the order in which they come. */
export function paramNames(runs: readonly RunSummary[]): string[] {
  return [...new Set(runs.flatMap(({ params }) => Object.keys(params)))];
}

/** By their parameters, numbers as numbers; then by name. */
export function inCellOrder(runs: readonly RunSummary[]): RunSummary[] {
  const names = paramNames(runs);
  const { compare } = new Intl.Collator('en', { numeric: true });
  const byNumber = (a: string, b: string): number => {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) || a === '' || b === '' ? compare(a, b) : x - y;
  };
  return [...runs].sort((a, b) => {
    for (const name of names) {
      const order = byNumber(a.params[name] ?? '', b.params[name] ?? '');
      if (order !== 0) return order;
    }
    return compare(a.name, b.name);
  });
}

/** What a metric came to in each run that has it. */
export type Measured = ReadonlyMap<string, MetricKey>;
/** Runs whose parameters are the same but for the seed. */
export type Over = {
  params: Record<string, string>;
  runs: string[];
  /** With a value; of their last values mean and deviation (NaN for one alone). */
  n: number;
  mean: number;
  std: number;
  best: number;
  best_run: string;
};

/** Rows over seeds, in the order of `runs`; none when there is no seed. `least`: the least is the best. */
export function overSeeds(runs: readonly RunSummary[], measured: Measured, least: boolean): Over[] {
  if (!paramNames(runs).some((name) => seedNames.includes(name))) return [];
  const cells = new Map<string, { params: Record<string, string>; runs: string[] }>();
  for (const run of runs) {
    const params = Object.fromEntries(
      Object.entries(run.params).filter(([name]) => !seedNames.includes(name)),
    );
    const id = JSON.stringify(Object.entries(params).sort());
    const cell = cells.get(id) ?? { params, runs: [] };
    cell.runs.push(run.run_id);
    cells.set(id, cell);
  }
  return [...cells.values()].map(({ params, runs: ids }) => {
    const known = ids.flatMap((id) => measured.get(id) ?? []);
    const values = known.map(({ last }) => last);
    const sorted = known
      .filter((row) => !Number.isNaN(bestOf(row, least)))
      .sort((a, b) => (least ? a.min - b.min : b.max - a.max));
    return {
      params,
      runs: ids,
      n: values.length,
      ...moments(values),
      best: sorted[0] === undefined ? Number.NaN : bestOf(sorted[0], least),
      best_run: sorted[0]?.run_id ?? '',
    };
  });
}

export function bestOf({ min, max }: MetricKey, least: boolean): number {
  return least ? min : max;
}

/** A row for each run: id, parameters, state, time, the metric or what was last said, why. */
export function memberRows(
  runs: readonly RunSummary[],
  look: {
    /** Superseded ones, each with its newer. */
    gone: ReadonlyMap<string, string>;
    measured: Measured | null;
    least: boolean;
    paint: Paint;
    nowMs: number;
  },
): string[][] {
  const { gone, measured, least, paint, nowMs } = look;
  const names = paramNames(runs);
  const values = measured === null ? ['LAST'] : ['LAST', 'BEST'];
  const head = ['RUN', ...names, 'STATE', 'TIME', ...values, 'WHY'];
  const named = names.length === 0 ? ['NAME'] : [];
  head.splice(1, 0, ...named);
  const rows = runs.map((run) => {
    const row = measured?.get(run.run_id);
    const shown =
      measured === null
        ? [cut(run.last_metric, 32)]
        : [row?.last, row === undefined ? undefined : bestOf(row, least)].map(valueText);
    const cells = [
      run.run_id,
      ...named.map(() => cut(run.name, 32)),
      ...names.map((name) => cut(run.params[name] ?? '', 24)),
      statusText(run.status, paint),
      duration(runMs(run, nowMs)),
      ...shown,
      cut(whyOf(run, gone.get(run.run_id)), 80),
    ];
    return cells.map((cell) => cell || '–');
  });
  return [head.map((text) => paint('dim', text)), ...rows];
}

function whyOf(run: RunSummary, by: string | undefined): string {
  const why = run.why || (run.failure_reason?.text ?? '');
  return by === undefined ? why : [`superseded by ${by}`, why].filter(Boolean).join(': ');
}

export function overRows(over: readonly Over[], paint: Paint): string[][] {
  const names = [...new Set(over.flatMap(({ params }) => Object.keys(params)))];
  const head = [...names, 'RUNS', 'N', 'MEAN ± STD', 'BEST', 'RUN'];
  const rows = over.map(({ params, runs, n, mean, std, best, best_run }) => [
    ...names.map((name) => cut(params[name] ?? '–', 24)),
    String(runs.length),
    String(n),
    n === 0 ? '–' : `${numberText(mean)} ± ${valueText(std)}`,
    valueText(best),
    best_run || '–',
  ]);
  return [head.map((text) => paint('dim', text)), ...rows];
}

function valueText(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '–' : numberText(value);
}
