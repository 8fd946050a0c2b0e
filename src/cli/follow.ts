/** Follows a run to its end: output as it comes, ^C once to detach, twice to stop the run. */
import type { TrainerClient } from '../client/index.ts';
import type { RunSummary } from '../contracts/index.ts';
import { messageOf } from '../errors.ts';
import type { Context } from './context.ts';
import { exitCodeOfRun } from './exit-codes.ts';
import { shownText } from './log-text.ts';
import { printChunk } from './print-chunk.ts';
import { clockText, endLine, glyphOf, runMs, warningsOf } from './render.ts';

/** A second ^C within this time stops the run. */
const secondMs = 2000;
/** The exit code after a ^C that left a run going. */
export const interrupted = 130;

/** The exit code: the trainer's own, or 130 after detaching. */
export async function follow(
  context: Context,
  client: TrainerClient,
  runId: string,
): Promise<number> {
  const { terminal, json } = context;
  const following = new AbortController();
  const output = new AbortController();
  const signal = AbortSignal.any([following.signal, output.signal]);
  const interrupts = onInterrupts({
    first: () => {
      output.abort();
      pulse();
      terminal.note(
        `detached; run ${runId} goes on. Follow it: runyard logs -f ${runId} · stop it: runyard stop ${runId} (or ^C again)`,
      );
    },
    second: () => {
      terminal.note(`stopping ${runId}; ^C again to stop watching`);
      client
        .stop(runId, { reason: 'stopped by ^C' })
        .catch((error) => terminal.note(`runyard: ${messageOf(error)}`));
    },
    leave: () => following.abort(),
  });
  /** What a progress bar shows now, if the run has one. */
  let bar = '';
  const attended = terminal.errTty && !json;
  const pulse = attended ? startPulse(context, client, runId, () => bar) : () => undefined;
  const disconnected = () =>
    terminal.note('the daemon is away; the run goes on, waiting for the daemon');
  void warn(context, client, runId, signal).catch(() => undefined);
  try {
    let run: RunSummary | null = null;
    for (let attempt = 1; run === null; ) {
      for await (const chunk of client.logs(runId, {
        attempt,
        follow: true,
        begun: attended,
        signal,
        onDisconnect: disconnected,
      })) {
        printChunk(context, chunk);
        bar = chunk.begun.at(-1)?.text ?? '';
      }
      const next = await ended(client, runId, attempt, following.signal);
      if (typeof next !== 'number') run = next;
      else {
        attempt = next;
        if (!json) terminal.note(terminal.paint('dim', (await client.get(runId)).why));
      }
    }
    pulse();
    if (following.signal.aborted) return interrupted;
    if (json) terminal.json({ type: 'run', ...run });
    else terminal.note(endLine(run, terminal.paint, Date.now()));
    return exitCodeOfRun(run);
  } finally {
    pulse();
    interrupts();
  }
}

/** The run, once it is over; or the number of its next attempt, when that follows on `attempt`. */
async function ended(
  client: TrainerClient,
  runId: string,
  attempt: number,
  signal: AbortSignal,
): Promise<RunSummary | number> {
  for await (const event of client.events(runId, { signal, untilDone: true })) {
    const again = event.to === 'queued' && event.from.startsWith('stopping');
    if (again && event.attempt >= attempt) return event.attempt + 1;
  }
  return client.wait(runId, { signal });
}

/** Tells, before the start, what was found then: that the script was changed, for one. */
async function warn(
  { terminal, json }: Context,
  client: TrainerClient,
  runId: string,
  signal: AbortSignal,
): Promise<void> {
  for await (const event of client.events(runId, { signal })) {
    for (const text of warningsOf([event])) {
      if (json) terminal.json({ type: 'warning', text });
      else terminal.note(`${terminal.paint('yellow', 'warning:')} ${text}`);
    }
    if (!/^(queued|allocating)/.test(event.to)) return;
  }
}

/** First ^C, then within two seconds a second; `leave` when none came, or at the third. */
function onInterrupts(react: {
  first: () => void;
  second: () => void;
  leave: () => void;
}): () => void {
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  const listen = (): void => {
    count += 1;
    clearTimeout(timer);
    if (count === 1) {
      timer = setTimeout(react.leave, secondMs);
      react.first();
    } else if (count === 2) react.second();
    else react.leave();
  };
  process.on('SIGINT', listen);
  return () => {
    clearTimeout(timer);
    process.off('SIGINT', listen);
  };
}

/** Keeps the line at the bottom true. Returns what ends it. */
function startPulse(
  { terminal }: Context,
  client: TrainerClient,
  runId: string,
  bar: () => string,
): () => void {
  let ended = false;
  const show = (run: RunSummary): void => {
    if (ended) return;
    const doing = shownText(bar(), terminal.errColor) || run.last_metric;
    const rest = run.status === 'running' ? doing : run.why || run.status;
    terminal.live(`${glyphOf(run.status)} ${clockText(runMs(run, Date.now()))} ${rest}`);
  };
  const timer = setInterval(() => void client.get(runId).then(show, () => undefined), 1000);
  return () => {
    ended = true;
    clearInterval(timer);
    terminal.live(null);
  };
}
