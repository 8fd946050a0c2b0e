/** `runyard show g:GROUP`, and what waits for or stops a group as a whole. */
import type { TrainerClient } from '../../client/index.ts';
import type { GroupSummary, MetricKey, RunSummary } from '../../contracts/index.ts';
import { type Context, usage, wholeNumber } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { interrupted } from '../follow.ts';
import {
  bestOf,
  groupLine,
  inCellOrder,
  type Measured,
  memberRows,
  overRows,
  overSeeds,
  progressText,
} from '../group-look.ts';
import { membersOf, standing, superseded } from '../groups.ts';
import { cut, endLine, fitting, glyphOf, plainCell, table } from '../render.ts';
import { jsonKey, jsonNumber } from './metrics.ts';

export type GroupFlags = { metric?: string; least?: boolean; limit?: string };

/** More would push the head and the means away; a pipe gets all. */
const rowsShown = 60;
/** Runs that did not complete, named at the end of a wait. */
const failuresNamed = 10;
export async function showGroup(
  context: Context,
  name: string,
  flags: GroupFlags,
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const group = await client.group(name);
  const runs = inCellOrder(await membersOf(client, name));
  const measured = flags.metric === undefined ? null : await measure(client, runs, flags.metric);
  const gone = superseded(runs);
  const look = {
    gone,
    measured,
    least: flags.least === true,
    paint: terminal.paint,
    nowMs: Date.now(),
  };
  const over =
    measured === null
      ? []
      : overSeeds(standing(runs), measured, look.least).filter(({ n }) => n > 0);
  if (flags.metric !== undefined && measured?.size === 0) {
    const names = await metricNames(client, runs);
    const there = names === '' ? 'and none is known at all' : `there are: ${names}`;
    terminal.note(`runyard: no run has a metric "${flags.metric}"; ${there}`);
  }
  if (json) {
    terminal.json({ type: 'group', ...group });
    for (const run of runs) {
      const row = measured?.get(run.run_id);
      const by = gone.get(run.run_id);
      terminal.json({
        type: by === undefined ? 'run' : 'superseded',
        ...run,
        ...(by === undefined ? {} : { retried_by: by }),
        ...(row === undefined ? {} : { metric: jsonKey(row) }),
      });
    }
    for (const { mean, std, best, ...rest } of over) {
      const numbers = { mean: jsonNumber(mean), std: jsonNumber(std), best: jsonNumber(best) };
      terminal.json({ type: 'seeds', metric: flags.metric, ...rest, ...numbers });
    }
    return exitCodes.ok;
  }
  if (!terminal.tty) {
    for (const cells of plainRows(group, runs, look))
      terminal.print(cells.map(plainCell).join('\t'));
    for (const { params, runs: ids, n, mean, std, best, best_run } of over) {
      const cells = ['seeds', paramsText(params), ids.length, n, mean, std, best, best_run];
      terminal.print(cells.map((cell) => plainCell(String(cell))).join('\t'));
    }
    return exitCodes.ok;
  }
  const most = flags.limit === undefined ? rowsShown : wholeNumber(flags.limit, '--limit');
  const shown = most === 0 ? runs : runs.slice(0, most);
  const print = (lines: readonly string[]): void => {
    for (const line of lines) terminal.print(fitting(line, terminal.columns));
  };
  print([groupLine(group, terminal.paint, look.nowMs), '', ...table(memberRows(shown, look))]);
  if (shown.length < runs.length)
    print([
      terminal.paint('dim', `${runs.length - shown.length} more: runyard show g:${name} -n 0`),
    ]);
  if (over.length > 0)
    print([
      '',
      terminal.paint('dim', `${flags.metric} over seeds`),
      ...table(overRows(over, terminal.paint)),
    ]);
  return exitCodes.ok;
}

/** For programs that cut at tabs, each kind of line with its name first. */
function plainRows(
  group: GroupSummary,
  runs: readonly RunSummary[],
  look: { gone: ReadonlyMap<string, string>; measured: Measured | null; least: boolean },
): string[][] {
  const { gone, measured, least } = look;
  return [
    ['group', group.group, group.state, String(group.runs)],
    ...runs.map((run) => {
      const row = measured?.get(run.run_id);
      const values = row === undefined ? [] : [String(row.last), String(bestOf(row, least))];
      const kind = gone.has(run.run_id) ? 'superseded' : 'run';
      return [kind, run.run_id, run.name, run.status, paramsText(run.params), ...values];
    }),
  ];
}

function paramsText(params: Readonly<Record<string, string>>): string {
  return Object.entries(params)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

async function measure(
  client: TrainerClient,
  runs: readonly RunSummary[],
  key: string,
): Promise<Measured> {
  const ids = runs.map(({ run_id }) => run_id);
  const rows: MetricKey[] = [];
  for await (const row of client.metricKeys(ids, { key })) rows.push(row);
  // People say `episodic_return` where TensorBoard says `charts/episodic_return`.
  if (rows.length === 0 && !/[*?/]/.test(key))
    for await (const row of client.metricKeys(ids, { key: `*/${key}` })) rows.push(row);
  const keys = [...new Set(rows.map((row) => row.key))];
  if (keys.length <= 1) return new Map(rows.map((row) => [row.run_id, row]));
  const names = keys.slice(0, 5).join(', ');
  throw usage(
    '--metric',
    `"${key}" names ${keys.length} metrics (${names}), and one is meant here`,
  );
}

/** Metrics that the first of these runs have. */
async function metricNames(client: TrainerClient, runs: readonly RunSummary[]): Promise<string> {
  const names = new Set<string>();
  const ids = runs.slice(0, 50).map(({ run_id }) => run_id);
  for await (const { key } of client.metricKeys(ids)) names.add(key);
  const shown = [...names].sort().slice(0, 12).join(', ');
  return names.size > 12 ? `${shown} and ${names.size - 12} more` : shown;
}

/** Shows how far it is until it is over: 0 when all have completed, else 1; 130 after a ^C. */
export async function followGroup(
  context: Context,
  client: TrainerClient,
  name: string,
): Promise<number> {
  const leaving = new AbortController();
  const leave = (): void => leaving.abort();
  process.once('SIGINT', leave);
  try {
    const end = await awaitGroup(context, client, name, leaving.signal);
    if (end !== null) return end.state === 'completed' ? exitCodes.ok : exitCodes.error;
    context.terminal.note(`detached; g:${name} goes on. Stop it: runyard stop g:${name}`);
    return interrupted;
  } finally {
    process.off('SIGINT', leave);
  }
}

/** The group once it is over, which is told to people; null when `signal` was aborted before. */
export async function awaitGroup(
  { terminal, json }: Context,
  client: TrainerClient,
  name: string,
  signal: AbortSignal,
): Promise<GroupSummary | null> {
  const onDisconnect = (): void =>
    terminal.note('the daemon is away; runs go on, waiting for the daemon');
  let last: GroupSummary | null = null;
  try {
    for await (const group of client.watchGroup(name, { signal, onDisconnect })) {
      last = group;
      if (!json) terminal.live(`${glyphOf(group.state)} g:${name}  ${progressText(group)}`);
    }
  } finally {
    terminal.live(null);
  }
  if (last === null || last.finished_at === '') return null;
  if (json) {
    for (const run of await membersOf(client, name)) terminal.json(run);
    return last;
  }
  if (last.state !== 'completed') {
    const members = standing(await membersOf(client, name));
    const others = members.filter(({ status }) => status !== 'completed');
    for (const run of others.slice(0, failuresNamed))
      terminal.note(
        `${run.run_id}  ${cut(run.name, 32)}  ${endLine(run, terminal.paint, Date.now())}`,
      );
    if (others.length > failuresNamed)
      terminal.note(`and ${others.length - failuresNamed} more: runyard show g:${name}`);
  }
  terminal.note(groupLine(last, terminal.paint, Date.now()));
  return last;
}

/** Asks all of it to stop, and waits for the end unless told otherwise. */
export async function stopGroup(
  { terminal, json }: Context,
  client: TrainerClient,
  name: string,
  how: { reason: string; now: boolean; wait: boolean },
): Promise<void> {
  const before = await client.group(name);
  for await (const group of client.stopGroup(name, how)) terminal.live(progressText(group));
  if (how.wait)
    for await (const group of client.watchGroup(name)) terminal.live(progressText(group));
  terminal.live(null);
  if (terminal.tty && !json) {
    const { queued, allocating, running, stopping } = before;
    const live = allocating + running + stopping;
    const were =
      queued + live === 0 ? 'it was over already' : `${queued} waited, ${live} were live`;
    const group = await client.group(name);
    terminal.print(
      `${groupLine(group, terminal.paint, Date.now())}   ${terminal.paint('dim', were)}`,
    );
    return;
  }
  for (const run of await membersOf(client, name)) {
    if (json) terminal.json(run);
    else terminal.print(`${run.run_id}\t${run.status}`);
  }
}
