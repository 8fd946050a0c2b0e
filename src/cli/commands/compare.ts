/** `runyard compare`: runs side by side. */
import type { TrainerClient } from '../../client/index.ts';
import type { MetricKey, RunSummary } from '../../contracts/index.ts';
import { differences, type Params, seedGroups, seedNames } from '../../params.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { inCellOrder } from '../group-look.ts';
import { runsOf, standing } from '../groups.ts';
import { moments, numberText } from '../numbers.ts';
import type { Curve } from '../plot.ts';
import { cut, fitting, plainCell, statusText, table } from '../render.ts';
import { jsonKey, jsonNumber } from './metrics.ts';

export type CompareFlags = { key?: string; plot?: boolean };

type Compared = {
  runs: RunSummary[];
  names: string[];
  params: Params[];
  /** By name, those of each run that has it. */
  metrics: Map<string, Map<string, MetricKey>>;
  seeds: number[][];
};
type Over = {
  key: string;
  runs: string[];
  n: number;
  mean: number;
  std: number;
  /** What they have in common, where others differ in it. */
  cell: string;
};

const plotsMost = 6;
/** Of a curve: more than a terminal has columns. */
const curveParts = 400;

export async function compare(
  context: Context,
  refs: readonly string[],
  flags: CompareFlags,
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const runs = inCellOrder(await runsOf(client, refs, standing));
  const compared = await gather(client, runs, flags.key ?? '');
  if (json) printJson(context, compared);
  else if (!terminal.tty)
    for (const cells of rowsOf(compared, String)) terminal.print(cells.map(plainCell).join('\t'));
  else for (const line of tables(compared, terminal)) terminal.print(line);
  if (runs.some(({ command }) => command.endsWith('…')))
    terminal.note('a command is too long to be compared to its end');
  if (flags.plot === true && !json) await draw(context, client, compared);
  return exitCodes.ok;
}

async function gather(client: TrainerClient, runs: RunSummary[], key: string): Promise<Compared> {
  const metrics: Compared['metrics'] = new Map();
  const ids = runs.map(({ run_id }) => run_id);
  for await (const row of client.metricKeys(ids, { key })) {
    const of = metrics.get(row.key) ?? new Map<string, MetricKey>();
    metrics.set(row.key, of.set(row.run_id, row));
  }
  const sorted = new Map([...metrics].sort(([a], [b]) => (a < b ? -1 : 1)));
  const { names, of } = differences(runs);
  return { runs, names, params: of, metrics: sorted, seeds: seedGroups(names, of) };
}

/** The last values of runs that differ in their seed alone. */
function overSeeds({ runs, metrics, seeds, params }: Compared): Over[] {
  return [...metrics].flatMap(([key, of]) =>
    seeds.flatMap((group) => {
      const ids = group.map((index) => runs[index]?.run_id ?? '').filter((id) => of.has(id));
      if (ids.length < 2) return [];
      const values = ids.map((id) => of.get(id)?.last ?? Number.NaN);
      const common = Object.entries(params[group[0] ?? 0] ?? {})
        .filter(([name]) => !seedNames.includes(name))
        .map(([, value]) => value);
      const cell = seeds.length === 1 ? '' : common.join(' ');
      return [{ key, runs: ids, n: ids.length, ...moments(values), cell: cell || 'mean, std' }];
    }),
  );
}

function printJson({ terminal }: Context, compared: Compared): void {
  compared.runs.forEach(({ run_id, name, status, command }, index) => {
    const metrics = [...compared.metrics.values()].flatMap((of) => of.get(run_id) ?? []);
    const differs = compared.params[index];
    terminal.json({ run_id, name, status, command, differs, metrics: metrics.map(jsonKey) });
  });
  for (const { mean, std, cell: _, ...rest } of overSeeds(compared))
    terminal.json({ type: 'seeds', ...rest, mean: jsonNumber(mean), std: jsonNumber(std) });
}

/** Of each metric and run: last, least, greatest, points, step; then, over seeds, mean and deviation. */
function rowsOf(compared: Compared, text: (value: number) => string): string[][] {
  const over = overSeeds(compared);
  return [...compared.metrics].flatMap(([key, of]) => [
    ...compared.runs.flatMap(({ run_id, name }) => {
      const row = of.get(run_id);
      if (row === undefined) return [];
      const values = [row.last, row.min, row.max].map(text);
      return [[key, run_id, name, ...values, String(row.count), row.step]];
    }),
    ...over
      .filter((each) => each.key === key)
      .map(({ n, mean, std, cell }) => [key, `${n} seeds`, cell, text(mean), `± ${text(std)}`]),
  ]);
}

type Look = Pick<Context['terminal'], 'paint' | 'columns'>;

/** For a terminal: the runs and in what they differ, then each metric. */
export function tables(compared: Compared, { paint, columns }: Look): string[] {
  const { runs, names, params } = compared;
  const dim = (texts: string[]): string[] => texts.map((text) => paint('dim', text));
  const about = runs.map((run, index) => [
    run.run_id,
    cut(run.name, 20),
    statusText(run.status, paint),
    ...names.map((name) => cut(params[index]?.[name] ?? '–', 24)),
  ]);
  let shown = '';
  const values = rowsOf(compared, numberText).map(([key = '', id = '', name = '', ...rest]) => {
    const first = key === shown ? '' : key;
    shown = key;
    return [first, id, cut(name, 16), ...rest];
  });
  const head = ['METRIC', 'RUN', 'NAME', 'LAST', 'LEAST', 'GREATEST', 'POINTS', 'STEP'];
  const lines = [
    ...table([dim(['RUN', 'NAME', 'STATE', ...names]), ...about]),
    '',
    ...(values.length === 0
      ? ['nothing was measured that is known of yet']
      : table([dim(head), ...values])),
  ];
  return lines.map((line) => fitting(line, columns));
}

async function draw(context: Context, client: TrainerClient, compared: Compared): Promise<void> {
  const { terminal } = context;
  const { plotLines, colorStyle, letterOf } = await import('../plot.ts');
  const { runs, metrics } = compared;
  const keys = [...metrics.keys()];
  if (keys.length > plotsMost)
    terminal.note(`${keys.length} metrics: the first ${plotsMost} are drawn; name some with --key`);
  for (const key of keys.slice(0, plotsMost)) {
    const has = runs.filter(({ run_id }) => metrics.get(key)?.has(run_id));
    const curves = await Promise.all(has.map((run) => curveOf(client, run, key)));
    const frame = { columns: Math.min(terminal.columns, 120), rows: 20, color: terminal.color };
    terminal.print('');
    for (const line of plotLines(key, curves, frame)) terminal.print(line);
    curves.forEach(({ label }, index) => {
      const mark = terminal.color ? terminal.paint(colorStyle(index), '━━') : letterOf(index);
      terminal.print(`  ${mark} ${label}`);
    });
  }
}

async function curveOf(client: TrainerClient, run: RunSummary, key: string): Promise<Curve> {
  const points: [number, number][] = [];
  for await (const batch of client.metrics(run.run_id, { key, thin: curveParts })) {
    // The name of a metric may look like a pattern.
    for (const point of batch.points.filter((each) => each.key === key))
      points.push([point.step === '' ? point.seq : Number(point.step), point.value]);
  }
  return { label: `${run.run_id} ${run.name}`.trim(), points };
}
