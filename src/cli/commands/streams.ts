/** `runyard events`, and how a run is watched. */

import type { TrainerClient } from '../../client/index.ts';
import { type Context, wholeNumber } from '../context.ts';
import { exitCodeOfRun, exitCodes } from '../exit-codes.ts';
import { interrupted } from '../follow.ts';
import { plainCell, table } from '../render.ts';

/**
 * Reads on. What was followed to its end passes the trainer's code on; ^C ends the reading alone and
 * says how to end the run: whoever only looks on must not stop it by a second one.
 */
export async function watching(
  { terminal }: Context,
  client: TrainerClient,
  runId: string,
  follow: boolean | undefined,
  read: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const left = new AbortController();
  if (follow !== true) {
    await read(left.signal);
    return exitCodes.ok;
  }
  const leave = (): void => left.abort();
  process.once('SIGINT', leave);
  try {
    await read(left.signal);
    const run = await client.wait(runId, { signal: left.signal });
    if (!left.signal.aborted) return exitCodeOfRun(run);
    terminal.note(`run ${runId} goes on. Stop it: runyard stop ${runId}`);
    return interrupted;
  } finally {
    process.off('SIGINT', leave);
  }
}

export async function events(
  context: Context,
  ref: string,
  flags: { follow?: boolean; from?: string },
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const run = await client.get(ref);
  const fromSeq = flags.from === undefined ? 1 : wholeNumber(flags.from, '--from');
  // Without following, what is there now is wanted, and that may be nothing.
  if (flags.follow !== true && fromSeq > run.last_seq) return exitCodes.ok;
  return watching(context, client, run.run_id, flags.follow, async (signal) => {
    const stream = client.events(run.run_id, {
      fromSeq,
      untilDone: true,
      onDisconnect: away(context),
      signal,
    });
    for await (const event of stream) {
      if (json) terminal.json(event);
      else {
        const change = event.from === event.to ? event.to : `${event.from || '·'} → ${event.to}`;
        const cells = [String(event.seq), event.at, event.event, change, event.detail_json];
        terminal.print(terminal.tty ? aligned(cells) : cells.map(plainCell).join('\t'));
      }
      if (flags.follow !== true && event.seq >= run.last_seq) break;
    }
  });
}

function aligned([seq = '', at = '', event = '', change = '', detail = '']: string[]): string {
  const [line = ''] = table([[seq.padStart(4), at, event.padEnd(18), change.padEnd(40), detail]]);
  return line;
}

export function away({ terminal }: Context): () => void {
  return () => terminal.note('the daemon is away; runs go on, waiting for the daemon');
}
