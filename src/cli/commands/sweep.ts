/** `runyard sweep`, and `submit --matrix`: a run for each cell of a matrix, all in one group. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { ManyOptions, TrainerClient } from '../../client/index.ts';
import type { RunHandle } from '../../contracts/index.ts';
import { messageOf, RunyardError, type Violation } from '../../errors.ts';
import { type Composed, compose, type SubmitFlags } from '../compose.ts';
import { type Context, usage } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { interrupted } from '../follow.ts';
import { progressText } from '../group-look.ts';
import { withCode, withGroups } from '../identified.ts';
import { axesOf, axesOfFile, type Cell, cellsOf } from '../matrix.ts';
import { cellText, filled, type Member, type Sweep, sweepOf } from '../members.ts';
import { glyphOf } from '../render.ts';
import { connectOrStart } from '../starting.ts';
import { followGroup } from './group.ts';

export type SweepFlags = SubmitFlags & {
  matrix?: string[];
  matrixFile?: string;
  style?: string;
  print?: boolean;
  follow?: boolean;
  dryRun?: boolean;
};

/** From here on progress is worth a line. */
const manyRuns = 500;
/** How long a daemon that went away is waited for. */
const patienceMs = 60_000;

export async function sweep(
  context: Context,
  words: readonly string[],
  flags: SweepFlags,
): Promise<number> {
  const { terminal, cwd } = context;
  const cells = await cellsFrom(flags, cwd);
  const composed = await composedFor(context, words, flags, cells[0] ?? {});
  const made = sweepOf({
    ...{ config: composed.config, cells, style: flags.style ?? 'args', key: flags.key },
    newId: () => crypto.randomBytes(6).toString('hex'),
  });
  for (const name of made.unknown)
    terminal.note(
      `runyard: {${name}} is no key of the matrix (${Object.keys(cells[0] ?? {}).join(', ')}), and is left as it is`,
    );
  if (flags.print === true) return print(context, made);
  if (flags.dryRun === true) return dryRun(context, made, composed.env);
  const client = await connectOrStart(context);
  const shared = await sharedParts(client, made, composed);
  const members = made.members.map((member) => ({
    ...member,
    config: { ...member.config, ...shared },
  }));
  const handles = await submitted(context, client, { ...made, members }, composed.env);
  if (handles === null) return interrupted;
  const group = await client.group(made.group);
  const created = handles.filter((handle) => handle.created).length;
  if (context.json) terminal.json({ ...group, created, key: made.id });
  else if (flags.follow !== true) report(context, group, created, handles.length);
  return flags.follow === true ? followGroup(context, client, made.group) : exitCodes.ok;
}

/** Variables that a cell has a part in are each run's own; all others are uploaded once. */
async function composedFor(
  { env: shell, cwd }: Context,
  words: readonly string[],
  flags: SweepFlags,
  cell: Cell,
): Promise<Composed> {
  const varies = (text: string): boolean => filled(text, cell) !== text;
  const own = flags.env?.filter(varies) ?? [];
  const env = flags.env?.filter((text) => !varies(text));
  const composed = await compose({
    ...{ words, shell, cwd, umask: process.umask() },
    flags: { ...flags, ...(env === undefined ? {} : { env }) },
  });
  if (own.length === 0) return composed;
  const before = composed.config.env as object | undefined;
  const added = own.map((text) => [
    text.slice(0, text.indexOf('=')),
    text.slice(text.indexOf('=') + 1),
  ]);
  const config = { ...composed.config, env: { ...before, ...Object.fromEntries(added) } };
  return { ...composed, config };
}

/** What all have in common and only the daemon's side, or git, can tell. */
async function sharedParts(
  client: TrainerClient,
  { members }: Sweep,
  { env }: Composed,
): Promise<Record<string, unknown>> {
  const [first, last] = [members[0], members.at(-1)];
  if (first === undefined || last === undefined) return {};
  const known = await withCode(client, { config: first.config, env });
  const other = await withCode(client, { config: last.config, env });
  const { after } = await withGroups(client, known);
  const code: Record<string, unknown> = { ...(known.code as object | undefined) };
  const others = (other.code ?? {}) as Record<string, unknown>;
  // A script that is another one in each cell is not told: only what is true of all.
  for (const name of Object.keys(code)) if (code[name] !== others[name]) delete code[name];
  return {
    ...(Object.keys(code).length === 0 ? {} : { code }),
    ...(after === undefined ? {} : { after }),
  };
}

/** Handles of all of them; null after a ^C. Says how many there are when it did not come to its end. */
async function submitted(
  context: Context,
  client: TrainerClient,
  { members, id }: Sweep,
  env: Record<string, string>,
): Promise<RunHandle[] | null> {
  const { terminal, env: shell } = context;
  const handles: RunHandle[] = [];
  const stopping = new AbortController();
  let interrupts = 0;
  let patience: NodeJS.Timeout | undefined;
  const of = (): string => `${handles.length} of ${members.length} runs are submitted`;
  const goOn = `to go on without submitting any twice: the same command with --key ${id}`;
  const interrupt = (): void => {
    interrupts += 1;
    stopping.abort();
  };
  const options: ManyOptions = {
    env,
    signal: stopping.signal,
    ...(shell.TRACEPARENT === undefined ? {} : { traceparent: shell.TRACEPARENT }),
    onDisconnect: () => {
      terminal.note(`runyard: the daemon is away, ${of()}; going on when it is back`);
      patience = setTimeout(() => stopping.abort(), patienceMs);
    },
  };
  process.once('SIGINT', interrupt);
  try {
    for await (const handle of client.submitMany(members, options)) {
      clearTimeout(patience);
      handles.push(handle);
      if (members.length >= manyRuns && handles.length % 100 === 0) terminal.live(of());
    }
  } catch (error) {
    throw handles.length === 0
      ? namingCells(error, members)
      : new RunyardError('registry_unavailable', `${of()}; ${goOn}`, { cause: error });
  } finally {
    clearTimeout(patience);
    process.off('SIGINT', interrupt);
    terminal.live(null);
  }
  if (handles.length === members.length) return handles;
  if (interrupts > 0) {
    terminal.note(`runyard: at least ${of()}; ${goOn}`);
    return null;
  }
  throw new RunyardError('daemon_not_running', `the daemon did not come back; ${of()}; ${goOn}`);
}

/** `/3/name` is about a request; people know it by its cell. */
function namingCells(error: unknown, members: readonly Member[]): unknown {
  if (!(error instanceof RunyardError)) return error;
  // What is wrong with all of them is said once.
  const told = new Map<string, { violation: Violation; inside: string; cells: string[] }>();
  for (const violation of error.violations) {
    const [, index, inside = violation.field] = /^\/(\d+)(\/.*|$)/.exec(violation.field) ?? [];
    const member = index === undefined ? undefined : members[Number(index)];
    const id = JSON.stringify([inside, violation.rule]);
    const same = told.get(id) ?? { violation, inside, cells: [] };
    if (member !== undefined) same.cells.push(cellText(member.cell));
    told.set(id, same);
  }
  const violations = [...told.values()].map(({ violation, inside, cells: [first, ...rest] }) => {
    const where = first === undefined ? '' : rest.length > 0 ? `${first} and others` : first;
    return { ...violation, field: `${where} ${inside}`.trim() };
  });
  return new RunyardError(error.code, error.message, { violations });
}

function report(
  { terminal }: Context,
  group: Parameters<typeof progressText>[0],
  created: number,
  all: number,
): void {
  if (!terminal.tty) {
    terminal.print(`g:${group.group}`);
    return;
  }
  const { paint } = terminal;
  const before =
    created === all ? '' : ` (${all - created} of them submitted before under this key)`;
  const hint = paint('dim', `look: runyard show g:${group.group}`);
  terminal.print(`${paint('bold', `g:${group.group}`)}  ${progressText(group)}${before}   ${hint}`);
}

function print({ terminal, json }: Context, { members, group }: Sweep): number {
  for (const { config, cell } of members) {
    const { command, name } = config as { command: string[]; name: string };
    if (json) terminal.json({ name, group, params: cell, command });
    else terminal.print(command.map(quoted).join(' '));
  }
  return exitCodes.ok;
}

/** Each command is looked at; how the first would fare stands for all. */
async function dryRun(
  context: Context,
  { members, group }: Sweep,
  env: Record<string, string>,
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const refused: string[] = [];
  let first = '';
  for (const { config, cell } of members.slice(0, plansMost)) {
    const verdict = await client
      .plan(config, { env })
      .catch((error: unknown) => ({ verdict: 'refused', text: messageOf(error) }));
    first ||= fares[verdict.verdict as keyof typeof fares] + (verdict.text && `: ${verdict.text}`);
    if (verdict.verdict === 'refused') refused.push(`${cellText(cell)}: ${verdict.text}`);
  }
  if (json) terminal.json({ group, runs: members.length, first, refused });
  else {
    terminal.print(`${members.length} runs in g:${group}; the first ${first}`);
    for (const text of refused) terminal.print(`${glyphOf('rejected')} ${text}`);
  }
  return refused.length > 0 ? exitCodes.rejected : exitCodes.ok;
}

const plansMost = 50;
const fares = { starts: 'would start', waits: 'would wait', refused: 'would be refused' };

async function cellsFrom(flags: SweepFlags, cwd: string): Promise<Cell[]> {
  const axes = axesOf(flags.matrix ?? []);
  if (flags.matrixFile !== undefined) {
    const file = path.resolve(cwd, flags.matrixFile);
    let data: unknown;
    try {
      data = (await import('yaml')).parse(fs.readFileSync(file, 'utf8'));
    } catch (error) {
      const [text = ''] = messageOf(error).split('\n');
      throw usage('--matrix-file', `${file} cannot be read: ${text}`);
    }
    axes.unshift(...axesOfFile(data, flags.matrixFile));
  }
  if (axes.length === 0)
    throw usage('--matrix', 'is missing', 'such as --matrix seed=1..3 env-id=A,B -- python dqn.py');
  return cellsOf(axes);
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
