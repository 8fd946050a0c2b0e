/** `runyard ls`, `show`, `wait` and `stop`. */
import type { TrainerClient } from '../../client/index.ts';
import { finalStatuses, type RunEvent, type RunSummary } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import { type Context, wholeNumber } from '../context.ts';
import { exitCodeOfRun, exitCodes } from '../exit-codes.ts';
import { cut, duration, endLine, plainCell, runMs, statusText, table } from '../render.ts';
import { parseSeconds } from '../spans.ts';

export type ListFlags = {
  all?: boolean;
  mine?: boolean;
  failed?: boolean;
  status?: string;
  group?: string;
  limit?: string;
  offline?: boolean;
};

export async function ls(context: Context, flags: ListFlags): Promise<number> {
  const { terminal, json } = context;
  const me = await userName();
  const source = await sourceOf(context, flags);
  const rows: RunSummary[] = [];
  for await (const run of source.list({
    all: flags.all === true || flags.failed === true || flags.status !== undefined,
    user: flags.mine === true ? me : '',
    status: flags.failed === true ? 'failed' : (flags.status ?? ''),
    group: flags.group ?? '',
    limit: flags.limit === undefined ? 0 : wholeNumber(flags.limit, '--limit'),
  })) {
    if (json) terminal.json(run);
    else rows.push(run);
  }
  if (json) return exitCodes.ok;
  if (!terminal.tty) {
    for (const run of rows) terminal.print(cellsOf(run, Date.now()).map(plainCell).join('\t'));
  } else if (rows.length === 0) {
    const more = flags.all === true ? '' : '; finished ones too: runyard ls -a';
    terminal.print(`no runs${more}`);
  } else for (const line of listing(rows, terminal, me, Date.now())) terminal.print(line);
  return exitCodes.ok;
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
  const head = ['ID', 'NAME', 'USER', 'STATE', 'TIME', 'GPU', 'LAST', 'WHY'];
  const body = rows.map((run) => {
    const [id = '', name = '', user = '', status = '', ...rest] = cellsOf(run, nowMs);
    const who = user === me ? 'me' : user;
    const cells = [id.slice(0, width), cut(name, 24), who, statusText(status, paint), ...rest];
    return cells.map((cell) => cell || '–');
  });
  const lines = table([head.map((text) => paint('dim', text)), ...body.map(trimWhy)]);
  return lines.map((line) => (paint('dim', '') === '' ? cut(line, terminal.columns) : line));
}

/** The daemon, or what lies in the state directory, told apart for people. */
async function sourceOf(
  context: Context,
  { offline }: { offline?: boolean },
): Promise<Pick<TrainerClient, 'list' | 'get' | 'events'>> {
  if (offline !== true) return context.connect();
  const found = await context.offline();
  if (!context.json) {
    const where = found.source === 'registry' ? '' : `; from the run directories: ${found.why}`;
    const daemon = found.daemonPid === 0 ? 'no daemon' : `daemon ${found.daemonPid} not asked`;
    context.terminal.note(context.terminal.paint('dim', `offline, ${daemon}${where}`));
  }
  return found;
}

export async function show(
  context: Context,
  ref: string,
  flags: { offline?: boolean } = {},
): Promise<number> {
  const { terminal, json } = context;
  const source = await sourceOf(context, flags);
  const run = await source.get(ref);
  const events: RunEvent[] = [];
  for await (const event of source.events(run.run_id)) {
    events.push(event);
    if (event.seq >= run.last_seq) break;
  }
  if (json) terminal.json({ ...run, events });
  else
    for (const line of detailLines(run, events, terminal.paint, Date.now())) terminal.print(line);
  return exitCodes.ok;
}

export function detailLines(
  run: RunSummary,
  events: readonly RunEvent[],
  paint: Context['terminal']['paint'],
  nowMs: number,
): string[] {
  const facts: [string, string][] = [
    [
      'why',
      run.failure_reason === null
        ? run.why
        : `${run.failure_reason.text} (${run.failure_reason.code})`,
    ],
    ['command', run.command],
    ['directory', run.cwd],
    ['code', run.code],
    [
      'user',
      [
        run.user,
        run.project && `project ${run.project}`,
        run.group && `group ${run.group}`,
        ...run.tags,
      ]
        .filter(Boolean)
        .join(' · '),
    ],
    [
      'attempt',
      `${run.attempt}${run.pid === 0 ? '' : ` · pid ${run.pid}`}${run.retry_of && ` · retry of ${run.retry_of}`}`,
    ],
    ['gpus', run.gpu_slots.join(',')],
    ['last', run.last_metric],
    ['stopped', run.stop_user && `by ${run.stop_user}${run.stop_reason && `: ${run.stop_reason}`}`],
    ['artifacts', run.artifact_manifest],
    ['files', run.run_dir],
    ['digest', run.config_digest],
    ['trace', run.trace_id],
  ];
  return [
    `${paint('bold', run.run_id)}  ${run.name}  ${endLine(run, paint, nowMs)}`,
    ...table(
      facts.filter(([, text]) => text !== '').map(([name, text]) => [paint('dim', name), text]),
    ),
    '',
    ...timeline(events, run, paint, nowMs),
  ];
}

/** Every state with how long it lasted, and the event that led there. */
function timeline(
  events: readonly RunEvent[],
  run: RunSummary,
  paint: Context['terminal']['paint'],
  nowMs: number,
): string[] {
  const startMs = Date.parse(events[0]?.at ?? run.submitted_at);
  const rows = events.map((event, index) => {
    const atMs = Date.parse(event.at);
    const next = events[index + 1];
    const over = next === undefined && finalStatuses.includes(run.status);
    const untilMs = next === undefined ? nowMs : Date.parse(next.at);
    const sameState = event.from === event.to ? paint('dim', event.to) : event.to;
    return [
      `+${duration(atMs - startMs)}`,
      sameState,
      over ? '' : duration(untilMs - atMs),
      event.event,
    ];
  });
  return table([['AT', 'STATE', 'FOR', 'EVENT'].map((text) => paint('dim', text)), ...rows]);
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
  const codes = await Promise.all(
    refs.map(async (ref) => {
      const run = await client.wait(ref, { signal });
      if (json) terminal.json(run);
      if (!finalStatuses.includes(run.status)) {
        terminal.note(`runyard: run ${run.run_id} is still ${run.status} after ${flags.timeout}`);
        return exitCodes.ours;
      }
      if (!json && (terminal.tty || refs.length > 1)) {
        terminal.note(`${run.run_id}  ${endLine(run, terminal.paint, Date.now())}`);
      }
      return exitCodeOfRun(run);
    }),
  );
  const [only = exitCodes.ok] = codes;
  if (codes.length === 1) return only;
  return codes.every((code) => code === exitCodes.ok) ? exitCodes.ok : exitCodes.error;
}

export async function stop(
  context: Context,
  refs: readonly string[],
  flags: { message?: string; now?: boolean; wait?: boolean },
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const failures: unknown[] = [];
  for (const ref of refs) {
    const startMs = Date.now();
    try {
      const asked = await client.stop(ref, {
        reason: flags.message ?? '',
        now: flags.now ?? false,
      });
      const run = flags.wait === false ? asked : await client.wait(asked.run_id);
      if (json) terminal.json(run);
      else if (!terminal.tty) terminal.print(`${run.run_id}\t${run.status}`);
      else terminal.print(await stopLine(client, run, asked, startMs));
    } catch (error) {
      failures.push(error);
      if (refs.length > 1 && error instanceof RunyardError)
        terminal.note(`${ref}: ${error.message}`);
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
  if (finalStatuses.includes(asked.status)) return `${run.run_id} was over already: ${run.status}`;
  const parts: string[] = [];
  const fromSeq = Math.max(1, asked.last_seq);
  for await (const event of client.events(run.run_id, { fromSeq, untilDone: true })) {
    const at = duration(Math.max(0, Date.parse(event.at) - startMs));
    if (event.to === 'stopping.terminating' && event.from !== event.to) parts.push(`asked ${at}`);
    if (event.to === 'stopping.killing' && event.from !== event.to) parts.push(`SIGKILL ${at}`);
    if (event.event === 'trainer.exited') {
      parts.push(
        `${run.exit_signal === '' ? `exited ${run.exit_code}` : `ended by ${run.exit_signal}`} at ${at}`,
      );
    }
  }
  if (asked.gpu_slots.length > 0) parts.push(`GPU ${asked.gpu_slots.join(',')} free`);
  return `${run.run_id} ${run.status}${parts.length === 0 ? '' : `: ${parts.join(' · ')}`}`;
}

function cellsOf(run: RunSummary, nowMs: number): string[] {
  const why = run.why || (run.failure_reason?.text ?? '');
  const gpus = run.gpu_slots.join(',');
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

async function userName(): Promise<string> {
  const os = await import('node:os');
  return os.userInfo().username;
}
