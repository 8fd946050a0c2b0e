/** `runyard artifacts`, `pin`, `unpin` and `gc`. */
import type { TrainerClient } from '../../client/index.ts';
import type { ArtifactItem, GarbageRequest, Removal } from '../../contracts/index.ts';
import { type Context, usage, wholeNumber } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { expand, pooled, runsOf } from '../groups.ts';
import { bytesText, cut, duration, plainCell, table } from '../render.ts';
import { parseBytes, parseSeconds } from '../spans.ts';

export async function artifacts(
  context: Context,
  ref: string,
  flags: { attempt?: string },
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const attempt = flags.attempt === undefined ? 0 : wholeNumber(flags.attempt, '--attempt');
  const found: ArtifactItem[] = [];
  for await (const item of client.artifacts(ref, { attempt })) {
    if (json) terminal.json(item);
    else found.push(item);
  }
  if (json) return exitCodes.ok;
  const missing = found.filter(({ path }) => path === '');
  const there = found.filter(({ path }) => path !== '');
  if (!terminal.tty) {
    for (const { name, size, sha256, path } of there)
      terminal.print([name, String(size), sha256, path].map(plainCell).join('\t'));
  } else if (there.length === 0) {
    terminal.print(missing.length === 0 ? 'no artifacts' : 'none of its artifacts is here');
  } else {
    const head = ['NAME', 'SIZE', 'STEP', 'ABOUT', 'PATH'];
    const rows = there.map((item) => [
      plainCell(item.name),
      bytesText(item.size),
      item.step || '–',
      aboutOf(item) || '–',
      plainCell(item.path),
    ]);
    for (const line of table([head.map((text) => terminal.paint('dim', text)), ...rows]))
      terminal.print(line);
  }
  for (const { name, problem } of missing)
    terminal.note(`${terminal.paint('yellow', 'missing:')} ${plainCell(name)}: ${problem}`);
  return exitCodes.ok;
}

function aboutOf({ duration_s, width, height, note, version }: ArtifactItem): string {
  const parts = [
    width > 0 ? `${duration(1000 * duration_s)} ${width}×${height}` : '',
    version > 1 ? `version ${version}` : '',
    note,
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

export async function pinning(
  context: Context,
  wish: 'pin' | 'unpin',
  refs: readonly string[],
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const pinned = await pooled(await expand(client, refs), (ref) => client.pin(ref, wish === 'pin'));
  for (const run of pinned) {
    if (json) terminal.json(run);
    else if (!terminal.tty) terminal.print(`${run.run_id}\t${run.pinned_at}`);
    else terminal.print(`${run.run_id} ${wish === 'pin' ? 'pinned' : 'no longer pinned'}`);
  }
  return exitCodes.ok;
}

export type RemoveFlags = { message?: string; yes?: boolean };

export async function remove(
  context: Context,
  refs: readonly string[],
  flags: RemoveFlags,
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  // By id: `@last` and a name mean another run once the first is gone.
  const ids = (await runsOf(client, refs)).map(({ run_id }) => run_id);
  if (terminal.tty && !json && flags.yes !== true) {
    const what = ids.length === 1 ? `run ${ids[0]}` : `${ids.length} runs`;
    if (!(await terminal.ask(`Remove ${what}, with output, metrics and artifacts?`)))
      return exitCodes.ok;
  }
  for (const id of ids) {
    const removed = await client.remove(id, { reason: flags.message ?? '' });
    if (json) terminal.json(removed);
    else terminal.print(terminal.tty ? `${id} removed` : id);
  }
  return exitCodes.ok;
}

export type GarbageFlags = {
  dryRun?: boolean;
  olderThan?: string;
  maxSize?: string;
  keepLast?: string;
  project?: string;
  yes?: boolean;
};

export async function gc(context: Context, flags: GarbageFlags): Promise<number> {
  const { terminal, json } = context;
  const request = garbageOf(flags);
  const client = await context.connect();
  const attended = terminal.tty && !json && flags.yes !== true;
  if (flags.dryRun === true || attended) {
    const removals = await collected(context, client, { ...request, dry_run: true });
    if (json) return exitCodes.ok;
    const sum = sumOf(removals);
    if (flags.dryRun === true) {
      terminal.note(removals.length === 0 ? 'nothing would be removed' : `${sum} would be removed`);
      return exitCodes.ok;
    }
    if (removals.length === 0) {
      terminal.note('nothing is to be removed');
      return exitCodes.ok;
    }
    if (!(await terminal.ask(`Remove the artifacts of ${sum}?`))) return exitCodes.ok;
    const done = await collected(context, client, request, () => undefined);
    return tell(context, done);
  }
  return tell(context, await collected(context, client, request));
}

function tell({ terminal, json }: Context, removals: readonly Removal[]): number {
  const failed = removals.filter(({ removed }) => !removed);
  for (const { run_id, problem } of failed) terminal.note(`${run_id}: ${problem}`);
  const done = removals.filter(({ removed }) => removed);
  if (!json) terminal.note(done.length === 0 ? 'nothing was removed' : `${sumOf(done)} removed`);
  return failed.length === 0 ? exitCodes.ok : exitCodes.error;
}

async function collected(
  { terminal, json }: Context,
  client: TrainerClient,
  request: GarbageRequest,
  show: (text: string) => void = terminal.print,
): Promise<Removal[]> {
  const removals: Removal[] = [];
  for await (const removal of client.collectGarbage(request)) {
    removals.push(removal);
    if (json) terminal.json(removal);
    else if (!terminal.tty) show(cellsOf(removal, String).map(plainCell).join('\t'));
  }
  if (json || !terminal.tty || removals.length === 0) return removals;
  const head = ['ID', 'NAME', 'PROJECT', 'ENDED', 'SIZE', 'WHY'];
  const rows = removals.map((removal) => cellsOf(removal, bytesText).map((cell) => cut(cell, 40)));
  const heading = head.map((text) => terminal.paint('dim', text));
  for (const line of table([heading, ...rows.map((row) => row.map((cell) => cell || '–'))]))
    show(line);
  return removals;
}

function cellsOf(removal: Removal, size: (bytes: number) => string): string[] {
  const { run_id, name, project, finished_at, bytes, why } = removal;
  return [run_id, name, project, finished_at, size(bytes), why];
}

function sumOf(removals: readonly Removal[]): string {
  const bytes = removals.reduce((sum, removal) => sum + removal.bytes, 0);
  return `${removals.length} ${removals.length === 1 ? 'run' : 'runs'}, ${bytesText(bytes)}`;
}

/** A limit of 0 is a small one: in the request that stands for the settings'. */
const least = { age: 0.001, bytes: 0.5 };

function garbageOf(flags: GarbageFlags): GarbageRequest {
  const { olderThan, maxSize, keepLast, project = '' } = flags;
  const count = keepLast === undefined ? 0 : wholeNumber(keepLast, '--keep-last');
  if (keepLast !== undefined && count === 0)
    throw usage('--keep-last', 'must be 1 or more', 'all of them: runyard gc --older-than 0');
  return {
    dry_run: false,
    max_age_s:
      olderThan === undefined ? 0 : Math.max(least.age, parseSeconds(olderThan, '--older-than')),
    max_bytes: maxSize === undefined ? 0 : Math.max(least.bytes, parseBytes(maxSize, '--max-size')),
    max_runs: count,
    project,
  };
}
