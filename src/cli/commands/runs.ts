/** `runyard ls`, `wait` and `stop`. */
import type { TrainerClient } from '../../client/index.ts';
import { finalStatuses, type MetricKey, type RunSummary } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import { clusterPlace } from '../../slots.ts';
import { type Context, usage, wholeNumber } from '../context.ts';
import { exitCodeOfRun, exitCodes } from '../exit-codes.ts';
import { paramNames } from '../group-look.ts';
import { groupOf, isGroup } from '../groups.ts';
import { numberText } from '../numbers.ts';
import {
  cut,
  duration,
  endLine,
  fitting,
  placeText,
  plainCell,
  runMs,
  slotsText,
  statusText,
  table,
} from '../render.ts';
import { type Source, sourceOf } from '../source.ts';
import { parseSeconds } from '../spans.ts';
import { userName } from '../values.ts';
import { jsonKey } from './metrics.ts';

/** Of a group that is listed: more than any has. */
const groupMost = 1_000_000;

export type ListFlags = {
  all?: boolean;
  mine?: boolean;
  failed?: boolean;
  status?: string;
  group?: string;
  limit?: string;
  offline?: boolean;
  metric?: string;
};

export async function ls(
  context: Context,
  group: string | undefined,
  flags: ListFlags,
): Promise<number> {
  const { terminal, json } = context;
  const me = await userName();
  const source = await sourceOf(context, flags);
  const rows: RunSummary[] = [];
  const named = flags.group ?? groupOf(group);
  for await (const run of source.list({
    // Whoever asks for a group wants to know how it went.
    all: flags.all === true || flags.failed === true || flags.status !== undefined || named !== '',
    user: flags.mine === true ? me : '',
    status: flags.failed === true ? 'failed' : (flags.status ?? ''),
    group: named,
    limit:
      flags.limit === undefined
        ? named === ''
          ? 0
          : groupMost
        : wholeNumber(flags.limit, '--limit'),
  })) {
    if (json && flags.metric === undefined) terminal.json(run);
    else rows.push(run);
  }
  if (flags.metric !== undefined) {
    const found = await metricsOf(source, rows, flags.metric);
    for (const run of rows) {
      const metrics = found.get(run.run_id) ?? [];
      if (json) terminal.json({ ...run, metrics: metrics.map(jsonKey) });
      else run.last_metric = valuesText(metrics);
    }
  }
  if (json) return exitCodes.ok;
  if (!terminal.tty) {
    const names = isOneGroup(rows) ? paramNames(rows) : [];
    for (const run of rows) {
      const params = names.map((key) => run.params[key] ?? '');
      terminal.print([...cellsOf(run, Date.now()), ...params].map(plainCell).join('\t'));
    }
  } else if (rows.length === 0) {
    const more = flags.all === true ? '' : '; finished ones too: runyard ls -a';
    terminal.print(`no runs${more}`);
  } else for (const line of listing(rows, terminal, me, Date.now())) terminal.print(line);
  return exitCodes.ok;
}

/** What is known of a metric, or of several, by run. */
async function metricsOf(
  source: Source,
  runs: readonly RunSummary[],
  key: string,
): Promise<Map<string, MetricKey[]>> {
  if (source.metricKeys === undefined)
    throw usage('--metric', 'does not go with --offline: the daemon knows the metrics');
  const found = new Map<string, MetricKey[]>();
  const ids = runs.map(({ run_id }) => run_id);
  for await (const row of source.metricKeys(ids, { key }))
    found.set(row.run_id, [...(found.get(row.run_id) ?? []), row]);
  return found;
}

function valuesText(metrics: readonly MetricKey[]): string {
  if (metrics.length === 1) return numberText(metrics[0]?.last ?? Number.NaN);
  return metrics.map(({ key, last }) => `${key} ${numberText(last)}`).join(', ');
}

/** The table for a terminal, ids cut to what tells them apart. */
export function listing(
  rows: readonly RunSummary[],
  terminal: Pick<Context['terminal'], 'paint' | 'columns'>,
  me: string,
  nowMs: number,
): string[] {
  const { paint } = terminal;
  const width = idWidth(rows.map(({ run_id }) => run_id));
  // In a group they tell the runs apart better than names do.
  const names = isOneGroup(rows) ? paramNames(rows) : [];
  const about = names.length === 0 ? ['NAME', 'USER'] : names;
  const place = rows.some((run) => clusterPlace(run.gpu_slots) !== null) ? 'PLACE' : 'GPU';
  const head = ['ID', ...about, 'STATE', 'TIME', place, 'LAST', 'WHY'];
  const body = rows.map((run) => {
    const [id = '', name = '', user = '', status = '', ...rest] = cellsOf(run, nowMs);
    const who = [cut(name, 24), user === me ? 'me' : user];
    const told = names.length === 0 ? who : names.map((key) => cut(run.params[key] ?? '', 24));
    const cells = [id.slice(0, width), ...told, statusText(status, paint), ...rest];
    return cells.map((cell) => cell || '–');
  });
  const lines = table([head.map((text) => paint('dim', text)), ...body.map(trimWhy)]);
  return lines.map((line) => fitting(line, terminal.columns));
}

export async function wait(
  context: Context,
  refs: readonly string[],
  flags: { timeout?: string },
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const signal =
    flags.timeout === undefined
      ? new AbortController().signal
      : AbortSignal.timeout(1000 * parseSeconds(flags.timeout, '--timeout'));
  const several = refs.length > 1 || isGroup(refs[0]);
  const codes = await Promise.all(
    [...new Set(refs)].map(async (ref) => {
      if (isGroup(ref)) return waitGroup(context, client, groupOf(ref), signal, flags.timeout);
      const run = await client.wait(ref, { signal });
      if (json) terminal.json(run);
      if (!finalStatuses.includes(run.status)) {
        terminal.note(`runyard: run ${run.run_id} is still ${run.status} after ${flags.timeout}`);
        return exitCodes.ours;
      }
      if (!json && (terminal.tty || several)) {
        terminal.note(`${run.run_id}  ${endLine(run, terminal.paint, Date.now())}`);
      }
      return exitCodeOfRun(run);
    }),
  );
  const [only = exitCodes.ok] = codes;
  if (!several) return only;
  return codes.every((code) => code === exitCodes.ok) ? exitCodes.ok : exitCodes.error;
}

async function waitGroup(
  context: Context,
  client: TrainerClient,
  name: string,
  signal: AbortSignal,
  timeout: string | undefined,
): Promise<number> {
  const { awaitGroup } = await import('./group.ts');
  const end = await awaitGroup(context, client, name, signal);
  if (end !== null) return end.state === 'completed' ? exitCodes.ok : exitCodes.error;
  const { state } = await client.group(name);
  context.terminal.note(`runyard: g:${name} is still ${state} after ${timeout}`);
  return exitCodes.ours;
}

export async function stop(
  context: Context,
  refs: readonly string[],
  flags: { message?: string; now?: boolean; wait?: boolean },
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const failures: unknown[] = [];
  const reason = flags.message ?? '';
  for (const ref of refs.filter(isGroup)) {
    const { stopGroup } = await import('./group.ts');
    const how = { reason, now: flags.now ?? false, wait: flags.wait !== false };
    await stopGroup(context, client, groupOf(ref), how);
  }
  const all = [...new Set(refs.filter((ref) => !isGroup(ref)))];
  const startMs = Date.now();
  // All are asked before one is waited for.
  const wishes = all.map((ref) => client.stop(ref, { reason, now: flags.now ?? false }));
  await Promise.allSettled(wishes);
  for (const [index, wish] of wishes.entries()) {
    try {
      const asked = await wish;
      const run = flags.wait === false ? asked : await client.wait(asked.run_id);
      if (json) terminal.json(run);
      else if (!terminal.tty) terminal.print(`${run.run_id}\t${run.status}`);
      else terminal.print(await stopLine(client, run, asked, startMs));
    } catch (error) {
      failures.push(error);
      if (all.length > 1 && error instanceof RunyardError)
        terminal.note(`${all[index]}: ${error.message}`);
    }
  }
  if (failures.length > 0) throw failures[0];
  return exitCodes.ok;
}

/** `SIGTERM 0.0 s · exited 143 at 0.3 s · GPU 0 free`. */
async function stopLine(
  client: TrainerClient,
  run: RunSummary,
  asked: RunSummary,
  startMs: number,
): Promise<string> {
  const parts: string[] = [];
  // Where the stop begins is known from the events alone: it may be over when it is answered.
  for await (const event of client.events(run.run_id, { untilDone: true })) {
    const at = duration(Math.max(0, Date.parse(event.at) - startMs));
    if (event.event === 'run.stop') parts.push(`asked ${at}`);
    if (event.to === 'stopping.killing' && event.from !== event.to) parts.push(`SIGKILL ${at}`);
    if (event.event === 'trainer.exited') {
      const end =
        run.exit_signal === '' ? `exited ${run.exit_code}` : `ended by ${run.exit_signal}`;
      parts.push(`${end} at ${at}`);
    }
  }
  if (!parts[0]?.startsWith('asked')) return `${run.run_id} was over already: ${run.status}`;
  if (asked.gpu_slots.length > 0) parts.push(`${placeText(asked.gpu_slots)} free`);
  return `${run.run_id} ${run.status}: ${parts.join(' · ')}`;
}

function isOneGroup(runs: readonly RunSummary[]): boolean {
  return new Set(runs.map(({ group }) => group)).size === 1;
}

function cellsOf(run: RunSummary, nowMs: number): string[] {
  const why = run.why || (run.failure_reason?.text ?? '');
  const gpus = slotsText(run.gpu_slots);
  const time = duration(runMs(run, nowMs));
  return [run.run_id, run.name, run.user, run.status, time, gpus, run.last_metric, why];
}

function trimWhy(cells: string[]): string[] {
  return cells.map((cell, index) => (index === cells.length - 1 ? cut(cell, 80) : cell));
}

/** At least four characters, and as many as tell the listed runs apart. */
function idWidth(ids: readonly string[]): number {
  for (let width = 4; width < 8; width += 1) {
    if (new Set(ids.map((id) => id.slice(0, width))).size === ids.length) return width;
  }
  return 8;
}
