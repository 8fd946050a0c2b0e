/** `runyard logs`: what is asked for, from which line on, and which of it is shown. */
import type { LogsOptions, TrainerClient } from '../../client/index.ts';
import type { LogChunk, LogLine } from '../../contracts/index.ts';
import { type Context, usage, wholeNumber } from '../context.ts';
import { plainText, shownText } from '../log-text.ts';
import { printChunk } from '../print-chunk.ts';
import { parseSince } from '../spans.ts';
import { away, watching } from './streams.ts';

export type LogsFlags = {
  follow?: boolean;
  tail?: string;
  since?: string;
  from?: string;
  grep?: string;
  stderr?: boolean;
  attempt?: string;
  times?: boolean;
  raw?: boolean;
};

export async function logs(context: Context, ref: string, flags: LogsFlags): Promise<number> {
  const { terminal, json } = context;
  const matches = matcher(flags.grep);
  const tail = flags.tail === undefined ? 0 : wholeNumber(flags.tail, '--tail');
  const options: LogsOptions = {
    stderrOnly: flags.stderr ?? false,
    attempt: flags.attempt === undefined ? 0 : wholeNumber(flags.attempt, '--attempt'),
    fromSeq: flags.from === undefined ? 0 : wholeNumber(flags.from, '--from'),
    raw: flags.raw ?? false,
    ...(flags.since === undefined ? {} : { since: parseSince(flags.since, Date.now()) }),
    onDisconnect: away(context),
  };
  const client = await context.connect();
  const { run_id: runId } = await client.get(ref);
  const follow = flags.follow ?? false;
  const how = { times: flags.times ?? false, raw: flags.raw ?? false };
  /** A line that goes on being rewritten has its place at the bottom. */
  const attended = follow && !json && terminal.tty && terminal.errTty && matches === null;
  return watching(context, client, runId, follow, async (signal) => {
    const before =
      matches === null || tail === 0
        ? null
        : await lastMatching(client, runId, { ...options, signal }, matches, tail);
    for (const chunk of before?.chunks ?? []) printChunk(context, chunk, how);
    if (before !== null && !follow) return;
    try {
      for await (const chunk of client.logs(runId, {
        ...options,
        ...(before === null ? { tail } : { fromSeq: before.next }),
        follow,
        begun: attended,
        signal,
      })) {
        // Its line took the place of the bar.
        if (attended && chunk.lines.length > 0) terminal.live(null);
        printChunk(context, matching(chunk, matches), how);
        if (!attended || chunk.begun.length === 0) continue;
        const [bar] = chunk.begun.slice(-1);
        terminal.live(shownText(bar?.text ?? '', terminal.errColor));
      }
    } finally {
      if (attended) terminal.live(null);
    }
  });
}

type Matcher = (line: LogLine) => boolean;

/** Here and not in the daemon: a pattern can take for ever, and may block nobody but who asked. */
function matcher(pattern: string | undefined): Matcher | null {
  if (pattern === undefined) return null;
  try {
    const expression = new RegExp(pattern, 'u');
    return ({ text }) => expression.test(plainText(text));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usage('--grep', `must be a regular expression: ${why}`, 'put a \\ before ( [ * and such');
  }
}

function matching(chunk: LogChunk, matches: Matcher | null): LogChunk {
  return matches === null ? chunk : { ...chunk, lines: chunk.lines.filter(matches) };
}

/** The last lines that match of those that are there now, and which line comes next. */
async function lastMatching(
  client: TrainerClient,
  runId: string,
  options: LogsOptions,
  matches: Matcher,
  count: number,
): Promise<{ chunks: LogChunk[]; next: number }> {
  let last: LogLine[] = [];
  let attempt = 0;
  let next = options.fromSeq ?? 0;
  for await (const chunk of client.logs(runId, options)) {
    attempt = chunk.attempt;
    next = (chunk.lines.at(-1)?.seq ?? next - 1) + 1;
    last = [...last, ...chunk.lines.filter(matches)].slice(-count);
  }
  return { chunks: [{ attempt, lines: last, gaps: [], begun: [] }], next };
}
