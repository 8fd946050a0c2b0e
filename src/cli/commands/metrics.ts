/** `runyard metrics`. */
import type { TrainerClient } from '../../client/index.ts';
import type { MetricBatch, MetricKey } from '../../contracts/index.ts';
import { type Context, usage, wholeNumber } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { numberText } from '../numbers.ts';
import { fitting, plainCell, table } from '../render.ts';
import { sourceOf } from '../source.ts';
import { away, watching } from './streams.ts';

export type MetricsFlags = {
  key?: string;
  follow?: boolean;
  from?: string;
  last?: string;
  source?: string;
  thin?: string;
  attempt?: string;
  keys?: boolean;
  offline?: boolean;
};

/** A terminal gives its buffer away in parts; a pipe is not filled line by line. */
const linesAtOnce = 500;

export async function metrics(context: Context, ref: string, flags: MetricsFlags): Promise<number> {
  if (flags.last !== undefined && flags.from !== undefined)
    throw usage('--last', 'does not go with --from');
  if (flags.offline === true) return fromFiles(context, ref, flags);
  const client = await context.connect();
  const attempt = optional(flags.attempt, '--attempt');
  if (flags.keys === true) return listKeys(context, client, ref, { key: flags.key, attempt });
  const { run_id: runId } = await client.get(ref);
  return watching(context, client, runId, flags.follow, async (signal) => {
    const stream = client.metrics(runId, {
      follow: flags.follow ?? false,
      key: flags.key ?? '',
      source: flags.source ?? '',
      fromSeq: Math.max(1, optional(flags.from, '--from')),
      last: optional(flags.last, '--last'),
      thin: optional(flags.thin, '--thin'),
      attempt,
      onDisconnect: away(context),
      signal,
    });
    let isTold = false;
    for await (const batch of stream) {
      printGaps(context, batch);
      if (batch.thinned !== null && !isTold) {
        const text = `thinned: of each metric the least, greatest and last of ${batch.thinned.width} points`;
        if (context.json) context.terminal.json({ type: 'thinned', ...batch.thinned });
        else context.terminal.note(text);
        isTold = true;
      }
      await printPoints(context, batch);
    }
  });
}

/** What these ask for takes a daemon. */
const online = ['follow', 'last', 'thin', 'keys'] as const;

async function fromFiles(context: Context, ref: string, flags: MetricsFlags): Promise<number> {
  for (const name of online)
    if (flags[name] !== undefined) throw usage(`--${name}`, 'does not go with --offline');
  await sourceOf(context, { offline: true });
  const files = await context.offline();
  const { run_id: runId, attempt } = await files.get(ref);
  const wanted = {
    attempt: optional(flags.attempt, '--attempt') || attempt,
    from: Math.max(1, optional(flags.from, '--from')),
    key: flags.key ?? '',
    source: flags.source ?? '',
  };
  for (const batch of files.points(runId, wanted)) {
    printGaps(context, batch);
    await printPoints(context, batch);
  }
  return exitCodes.ok;
}

function printGaps({ terminal, json }: Context, { gaps, attempt }: MetricBatch): void {
  for (const gap of gaps) {
    if (json) terminal.json({ type: 'gap', attempt, ...gap });
    else
      terminal.note(
        `points ${gap.first_seq} to ${gap.last_seq} are not kept any more (${gap.reason})`,
      );
  }
}

async function printPoints({ terminal, json }: Context, batch: MetricBatch): Promise<void> {
  const lines = batch.points.map((point) => {
    if (json)
      return JSON.stringify({ ...point, value: jsonNumber(point.value), attempt: batch.attempt });
    const cells = [point.wall, point.step, point.key, String(point.value), point.source];
    return terminal.tty ? cells.join('  ') : cells.map(plainCell).join('\t');
  });
  for (let at = 0; at < lines.length; at += linesAtOnce) {
    terminal.print(lines.slice(at, at + linesAtOnce).join('\n'));
    await terminal.drained();
  }
}

async function listKeys(
  { terminal, json }: Context,
  client: TrainerClient,
  ref: string,
  { key = '', attempt }: { key: string | undefined; attempt: number },
): Promise<number> {
  const rows: MetricKey[] = [];
  for await (const row of client.metricKeys([ref], { key, attempt })) {
    if (json) terminal.json(jsonKey(row));
    else rows.push(row);
  }
  if (json) return exitCodes.ok;
  if (!terminal.tty) {
    for (const row of rows) terminal.print(keyCells(row, String).map(plainCell).join('\t'));
    return exitCodes.ok;
  }
  if (rows.length === 0) terminal.note('nothing was measured that is known of yet');
  else for (const line of keysTable(rows, terminal)) terminal.print(line);
  return exitCodes.ok;
}

/** For a terminal. */
export function keysTable(
  rows: readonly MetricKey[],
  { paint, columns }: Pick<Context['terminal'], 'paint' | 'columns'>,
): string[] {
  const head = ['METRIC', 'LAST', 'LEAST', 'GREATEST', 'POINTS', 'STEP', 'SOURCE'];
  const body = rows.map((row) => keyCells(row, numberText));
  return table([head.map((text) => paint('dim', text)), ...body]).map((l) => fitting(l, columns));
}

function keyCells(row: MetricKey, text: (value: number) => string): string[] {
  const { key, last, min, max, count, step, source } = row;
  return [key, text(last), text(min), text(max), String(count), step, source];
}

export function jsonKey({ last, min, max, ...rest }: MetricKey): object {
  return { ...rest, last: jsonNumber(last), min: jsonNumber(min), max: jsonNumber(max) };
}

/** JSON has no NaN and no infinities: they are strings, as on the bus. */
export function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function optional(text: string | undefined, option: string): number {
  return text === undefined ? 0 : wholeNumber(text, option);
}
