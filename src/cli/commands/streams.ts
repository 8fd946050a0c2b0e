/** `runyard logs`, `events` and `metrics`. */
import { type Context, wholeNumber } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { printChunk } from '../follow.ts';
import { plainCell, table } from '../render.ts';

export type LogsFlags = {
  follow?: boolean;
  tail?: string;
  stderr?: boolean;
  attempt?: string;
  times?: boolean;
};

export async function logs(context: Context, ref: string, flags: LogsFlags): Promise<number> {
  const client = await context.connect();
  for await (const chunk of client.logs(ref, {
    follow: flags.follow ?? false,
    stderrOnly: flags.stderr ?? false,
    tail: flags.tail === undefined ? 0 : wholeNumber(flags.tail, '--tail'),
    attempt: flags.attempt === undefined ? 0 : wholeNumber(flags.attempt, '--attempt'),
    onDisconnect: away(context),
  })) {
    printChunk(context, chunk, flags.times);
  }
  return exitCodes.ok;
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
  const stream = client.events(run.run_id, {
    fromSeq,
    untilDone: true,
    onDisconnect: away(context),
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
  return exitCodes.ok;
}

export async function metrics(
  context: Context,
  ref: string,
  flags: { follow?: boolean; key?: string },
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  for await (const batch of client.metrics(ref, {
    follow: flags.follow ?? false,
    key: flags.key ?? '',
    onDisconnect: away(context),
  })) {
    for (const point of batch.points) {
      if (json) terminal.json({ ...point, value: jsonNumber(point.value), attempt: batch.attempt });
      else {
        const cells = [point.wall, point.step, point.key, String(point.value)];
        terminal.print(terminal.tty ? cells.join('  ') : cells.join('\t'));
      }
    }
  }
  return exitCodes.ok;
}

/** JSON has no NaN and no infinities: they are strings, as on the bus. */
function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function aligned([seq = '', at = '', event = '', change = '', detail = '']: string[]): string {
  const [line = ''] = table([[seq.padStart(4), at, event.padEnd(18), change.padEnd(40), detail]]);
  return line;
}

function away({ terminal }: Context): () => void {
  return () => terminal.note('the daemon is away; runs go on, waiting for the daemon');
}
