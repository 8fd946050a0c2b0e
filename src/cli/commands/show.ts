/** `runyard show`: one run, what it is, where it lies, and its states. */
import {
  finalStatuses,
  type MetricKey,
  type RunEvent,
  type RunSummary,
} from '../../contracts/index.ts';
import { clusterPlace } from '../../slots.ts';
import { attemptsOf, attemptTexts } from '../attempts.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { groupOf, isGroup } from '../groups.ts';
import { duration, endLine, plainCell, table, warningsOf } from '../render.ts';
import { sourceOf } from '../source.ts';
import type { GroupFlags } from './group.ts';
import { jsonKey, keysTable } from './metrics.ts';

/** More would push the states away. */
const metricsShown = 12;

type Paint = Context['terminal']['paint'];

export async function show(
  context: Context,
  ref: string,
  flags: { offline?: boolean } & GroupFlags = {},
): Promise<number> {
  if (isGroup(ref) && flags.offline !== true)
    return (await import('./group.ts')).showGroup(context, groupOf(ref), flags);
  const { terminal, json } = context;
  const source = await sourceOf(context, flags);
  const run = await source.get(ref);
  const events: RunEvent[] = [];
  for await (const event of source.events(run.run_id)) {
    events.push(event);
    if (event.seq >= run.last_seq) break;
  }
  const metrics: MetricKey[] = [];
  for await (const row of source.metricKeys?.([run.run_id]) ?? []) metrics.push(row);
  const attempts = attemptsOf(events, run);
  if (json) terminal.json({ ...run, attempts, events, metrics: metrics.map(jsonKey) });
  else if (terminal.tty) {
    for (const line of detailLines(run, events, terminal.paint, Date.now())) terminal.print(line);
    const shown = metrics.slice(0, metricsShown);
    if (shown.length > 0)
      for (const line of ['', ...keysTable(shown, terminal)]) terminal.print(line);
    if (metrics.length > shown.length)
      terminal.note(`${metrics.length} metrics in all: runyard metrics ${run.run_id} --keys`);
  } else for (const line of plainLines(run, events, Date.now())) terminal.print(line);
  return exitCodes.ok;
}

/** For a terminal. */
export function detailLines(
  run: RunSummary,
  events: readonly RunEvent[],
  paint: Paint,
  nowMs: number,
): string[] {
  const facts = factsOf(run, events).map(([name, text]) => [paint('dim', name), text]);
  const head = ['AT', 'STATE', 'FOR', 'EVENT'].map((text) => paint('dim', text));
  return [
    `${paint('bold', run.run_id)}  ${run.name}  ${endLine(run, paint, nowMs)}`,
    ...table(facts),
    '',
    ...table([head, ...timeline(events, run, paint, nowMs)]),
  ];
}

/** For programs that cut at tabs: `name value`, then `at state for event`. */
export function plainLines(run: RunSummary, events: readonly RunEvent[], nowMs: number): string[] {
  const asIs: Paint = (_, text) => text;
  const rows = [
    ['run', run.run_id],
    ['name', run.name],
    ['status', run.status],
    ...factsOf(run, events),
    ...timeline(events, run, asIs, nowMs),
  ];
  return rows.map((cells) => cells.map(plainCell).join('\t'));
}

function factsOf(run: RunSummary, events: readonly RunEvent[]): [string, string][] {
  const reason = run.failure_reason;
  const who = [
    run.user,
    run.project && `project ${run.project}`,
    run.group && `group ${run.group}`,
    ...run.tags,
  ];
  const params = Object.entries(run.params).map(([key, value]) => `${key}=${value}`);
  const attempts = attemptsOf(events, run);
  const attempt = [
    String(run.attempt),
    run.pid !== 0 && `pid ${run.pid}`,
    attempts.at(-1)?.resumed_from && `from ${attempts.at(-1)?.resumed_from}`,
    run.retry_of && `retry of ${run.retry_of}`,
    run.retried_by && `retried by ${run.retried_by}`,
  ];
  const facts: [string, string][] = [
    ['why', reason === null ? run.why : `${reason.text} (${reason.code})`],
    ['cause', run.failure_cause?.code ?? ''],
    ['pinned', run.pinned_at],
    ...warningsOf(events).map((text): [string, string] => ['warning', text]),
    ['note', run.note],
    ['params', params.join(' ')],
    ['command', run.command],
    ['directory', run.cwd],
    ['code', run.code],
    ['user', who.filter(Boolean).join(' · ')],
    ['attempt', attempt.filter(Boolean).join(' · ')],
    ...attemptTexts(attempts).map((text): [string, string] => ['before', text]),
    ...placeFacts(run.gpu_slots),
    ['last', run.last_metric],
    ['stopped', run.stop_user && `by ${run.stop_user}${run.stop_reason && `: ${run.stop_reason}`}`],
    ['artifacts', run.artifact_manifest],
    ['files', run.run_dir],
    ['digest', run.config_digest],
    ['trace', run.trace_id],
  ];
  return facts.filter(([, text]) => text !== '');
}

/** GPUs of this machine; or node and job, and the GPUs there. */
function placeFacts(slots: readonly string[]): [string, string][] {
  const place = clusterPlace(slots);
  if (place === null) return [['gpus', slots.join(',')]];
  return [
    ['node', place.node],
    ['job', place.job],
    ['gpus', place.gpus.join(',')],
  ];
}

/** Every state with how long it lasted, and the event that led there. */
function timeline(
  events: readonly RunEvent[],
  run: RunSummary,
  paint: Paint,
  nowMs: number,
): string[][] {
  const startMs = Date.parse(events[0]?.at ?? run.submitted_at);
  return events.map((event, index) => {
    const atMs = Date.parse(event.at);
    const next = events[index + 1];
    const over = next === undefined && finalStatuses.includes(run.status);
    const untilMs = next === undefined ? nowMs : Date.parse(next.at);
    const state = event.from === event.to ? paint('dim', event.to) : event.to;
    return [
      `+${duration(atMs - startMs)}`,
      state,
      over ? '' : duration(untilMs - atMs),
      event.event,
    ];
  });
}
