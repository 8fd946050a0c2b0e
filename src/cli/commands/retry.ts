/** `runyard retry`: new runs like ones that are over, from the environment of this shell. */
import type { TrainerClient } from '../../client/index.ts';
import type { RunSummary } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import { optionsOf, type SubmitFlags } from '../compose.ts';
import { type Context, usage } from '../context.ts';
import { endsOf } from '../ends.ts';
import { runEnvironment } from '../environment.ts';
import { exitCodes } from '../exit-codes.ts';
import { expand, pooled } from '../groups.ts';
import { placeOf } from '../places.ts';

export type RetryFlags = SubmitFlags & { failed?: boolean };

export async function retry(
  context: Context,
  refs: readonly string[],
  flags: RetryFlags,
): Promise<number> {
  const { terminal, json, env: shell, cwd } = context;
  if (flags.key !== undefined && refs.length > 1)
    throw usage('--key', 'stands for one run, and several are named');
  const env = runEnvironment({
    shell,
    cwd,
    assignments: flags.env ?? [],
    files: flags.envFile ?? [],
    clean: flags.cleanEnv ?? false,
  });
  const changes = { ...optionsOf(flags, cwd), ...endsOf(flags, {}), ...placeOf(flags, {}) };
  const client = await context.connect();
  const runs = await chosen(client, await expand(client, refs), flags.failed ?? false);
  if (runs.length === 0) terminal.note('none of them failed: nothing to retry');
  const failures: unknown[] = [];
  for (const run of runs) {
    try {
      const { run_id: runId } = await client.retry(run.run_id, {
        changes,
        env,
        ...(flags.key === undefined ? {} : { key: flags.key }),
      });
      if (json) terminal.json(await client.get(runId));
      else terminal.print(terminal.tty ? `${runId} retries ${run.run_id} ${run.name}` : runId);
    } catch (error) {
      failures.push(error);
      if (runs.length > 1 && error instanceof RunyardError)
        terminal.note(`${run.run_id}: ${error.message}`);
    }
  }
  if (failures.length > 0) throw failures[0];
  return exitCodes.ok;
}

/** With `failed`, those that ended otherwise than they should, and were not retried already. */
async function chosen(
  client: TrainerClient,
  refs: readonly string[],
  failed: boolean,
): Promise<RunSummary[]> {
  const runs = await pooled(refs, (ref) => client.get(ref));
  const isOpen = ({ status, retried_by }: RunSummary): boolean =>
    ['failed', 'lost'].includes(status) && retried_by === '';
  return failed ? runs.filter(isOpen) : runs;
}
