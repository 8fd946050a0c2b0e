/** `runyard pause`, `resume`, `hold` and `release`: one wish of each run that is named. */
import type { RunSummary } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { expand, isGroup, pooled } from '../groups.ts';
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
  const options = { reason: flags.message ?? '' };
  const inGroup = new Set(await expand(client, refs.filter(isGroup)));
  const asked = await pooled(await expand(client, refs), async (ref) => {
    try {
      return await client[wish](ref, options);
    } catch (error) {
      // Of a group those that the wish is about, not those that are over or not that far.
      if (inGroup.has(ref) && isAnotherState(error)) return null;
      throw error;
    }
  });
  const done = asked.filter((run) => run !== null);
  if (done.length === 0) terminal.note(`runyard: none of them can be ${wished[wish]}`);
  for (const run of done) {
    if (json) terminal.json(run);
    else if (!terminal.tty) terminal.print(`${run.run_id}\t${run.state}`);
    else {
      const status = statusText(run.status, terminal.paint);
      terminal.print(`${run.run_id} ${status} ${about[wish](run)}`.trimEnd());
    }
  }
  return done.length === 0 ? exitCodes.error : exitCodes.ok;
}

const wished = { pause: 'paused', resume: 'resumed', hold: 'held', release: 'released' };

function isAnotherState(error: unknown): boolean {
  if (!(error instanceof RunyardError)) return false;
  return error.code === 'run_not_queued' || error.code === 'run_not_running';
}
