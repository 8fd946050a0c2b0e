/** `runyard pause` and `resume`. */
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { expand } from '../groups.ts';
import { statusText } from '../render.ts';

export async function pausing(
  context: Context,
  wish: 'pause' | 'resume',
  refs: readonly string[],
  flags: { message?: string },
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  for (const ref of await expand(client, refs)) {
    const run = await client[wish](ref, { reason: flags.message ?? '' });
    if (json) terminal.json(run);
    else if (!terminal.tty) terminal.print(`${run.run_id}\t${run.state}`);
    else {
      const about = wish === 'pause' ? `paused   go on: runyard resume ${run.run_id}` : '';
      terminal.print(`${run.run_id} ${statusText(run.status, terminal.paint)} ${about}`.trimEnd());
    }
  }
  return exitCodes.ok;
}
