/** `g:GROUP`: all runs of a group, wherever several runs may be named. */
import type { TrainerClient } from '../client/index.ts';
import type { RunSummary } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { usage } from './context.ts';

const mark = 'g:';
/** Of one group: a list that does not say how much it wants gets a part. */
const membersMost = 1_000_000;
/** Calls that are under way at once, where each run is asked for by itself. */
const callsMost = 32;

export function isGroup(ref: string | undefined): ref is string {
  return ref?.startsWith(mark) === true;
}

/** The references, each group replaced by the ids of its runs, in the order of their submits. Throws run_not_found. */
export async function expand(client: TrainerClient, refs: readonly string[]): Promise<string[]> {
  const all = await Promise.all(
    refs.map(async (ref) =>
      isGroup(ref) ? (await membersOf(client, groupOf(ref))).map(({ run_id }) => run_id) : [ref],
    ),
  );
  return [...new Set(all.flat())];
}

/**
 * The runs themselves; of a group without asking for each, and with `of` those that it picks. Throws run_not_found.
 */
export async function runsOf(
  client: TrainerClient,
  refs: readonly string[],
  of: (members: RunSummary[]) => RunSummary[] = (members) => members,
): Promise<RunSummary[]> {
  const all = await pooled(refs, (ref) =>
    isGroup(ref) ? membersOf(client, groupOf(ref)).then(of) : client.get(ref).then((run) => [run]),
  );
  return [...new Map(all.flat().map((run) => [run.run_id, run])).values()];
}

/** In the order of their submits. Throws run_not_found for a group without runs. */
export async function membersOf(
  client: Pick<TrainerClient, 'list'>,
  group: string,
): Promise<RunSummary[]> {
  const runs: RunSummary[] = [];
  for await (const run of client.list({ all: true, group, limit: membersMost })) runs.push(run);
  if (runs.length > 0) return runs.reverse();
  throw new RunyardError('run_not_found', `no run is in the group "${group}"`);
}

/**
 * Runs of a group that are over and in whose place a newer one of it stands, each with that one's id: its newest
 * retry, or a later retry of the same run. As the daemon counts them.
 */
export function superseded(runs: readonly RunSummary[]): Map<string, string> {
  const isNewer = (a: RunSummary, b: RunSummary): boolean =>
    a.submitted_at === b.submitted_at ? a.run_id > b.run_id : a.submitted_at > b.submitted_at;
  const newest = new Map<string, RunSummary>();
  for (const run of runs) {
    const before = newest.get(run.retry_of);
    if (run.retry_of !== '' && (before === undefined || isNewer(run, before)))
      newest.set(run.retry_of, run);
  }
  return new Map(
    runs.flatMap((run) => {
      const by = newest.get(run.run_id) ?? newest.get(run.retry_of);
      const isOver = run.finished_at !== '';
      return by === undefined || by === run || !isOver ? [] : [[run.run_id, by.run_id] as const];
    }),
  );
}

/** The newest of each cell. */
export function standing(runs: readonly RunSummary[]): RunSummary[] {
  const gone = superseded(runs);
  return runs.filter(({ run_id }) => !gone.has(run_id));
}

/** The name in `g:NAME`; empty without one. Throws usage. */
export function groupOf(ref: string | undefined): string {
  if (ref === undefined) return '';
  if (isGroup(ref) && ref.length > mark.length) return ref.slice(mark.length);
  throw usage('group', `must be g:GROUP, not "${ref}"`, 'one run: runyard show ID');
}

/** What `call` says about each, in order; some at once. Throws the first error, when all calls have ended. */
export async function pooled<T, A>(
  items: readonly T[],
  call: (item: T) => Promise<A>,
): Promise<A[]> {
  const answers = new Map<number, A>();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const at = next;
      next += 1;
      answers.set(at, await call(items[at] as T));
    }
  };
  const lanes = Array.from({ length: Math.min(callsMost, items.length) }, lane);
  for (const result of await Promise.allSettled(lanes)) {
    if (result.status === 'rejected') throw result.reason;
  }
  return items.map((_, index) => answers.get(index) as A);
}
