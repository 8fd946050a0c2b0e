/** `runyard pause`, `resume`, `hold` and `release`: one wish of each run that is named. */
import type { RunSummary } from '../../contracts/index.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { expand } from '../groups.ts';
import { statusText } from '../render.ts';

/** What a person is told besides how the run is. */
const about = {
  pause: ({ run_id }: RunSummary) => `paused   go on: runyard resume ${run_id}`,
  resume: () => '',
  hold: ({ run_id }: RunSummary) => `start it: runyard release ${run_id}`,
  release: ({ why }: RunSummary) => why,
} as const;

export async function pausing(
  context: Context,
  wish: keyof typeof about,
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
      const status = statusText(run.status, terminal.paint);
      terminal.print(`${run.run_id} ${status} ${about[wish](run)}`.trimEnd());
    }
  }
  return exitCodes.ok;
}
