/** `g:GROUP`: all runs of a group, wherever several runs may be named. */
import type { TrainerClient } from '../client/index.ts';
import { RunyardError } from '../errors.ts';
import { usage } from './context.ts';

const mark = 'g:';

/** The references, each group replaced by the ids of its runs. Throws run_not_found. */
export async function expand(client: TrainerClient, refs: readonly string[]): Promise<string[]> {
  const all = await Promise.all(
    refs.map(async (ref) => (ref.startsWith(mark) ? idsOf(client, groupOf(ref)) : [ref])),
  );
  return [...new Set(all.flat())];
}

/** The name in `g:NAME`; empty without one. Throws usage. */
export function groupOf(ref: string | undefined): string {
  if (ref === undefined) return '';
  if (ref.startsWith(mark) && ref.length > mark.length) return ref.slice(mark.length);
  throw usage('group', `must be g:GROUP, not "${ref}"`, 'one run: runyard show ID');
}

async function idsOf(client: TrainerClient, group: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { run_id: id } of client.list({ all: true, group })) ids.push(id);
  if (ids.length > 0) return ids.reverse();
  throw new RunyardError('run_not_found', `no run is in the group "${group}"`);
}
