/** `runyard submit` and `run`. */
import type { RunSummary } from '../../contracts/index.ts';
import { compose } from '../compose.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { withCode, withGroups } from '../identified.ts';
import { placeText, statusText } from '../render.ts';
import { connectOrStart } from '../starting.ts';
import type { SweepFlags } from './sweep.ts';

export async function submit(
  context: Context,
  words: readonly string[],
  flags: SweepFlags,
): Promise<number> {
  if (flags.matrix !== undefined || flags.matrixFile !== undefined)
    return (await import('./sweep.ts')).sweep(context, words, flags);
  const { terminal, env: shell, cwd, json } = context;
  const composed = await compose({ flags, words, shell, cwd, umask: process.umask() });
  if (flags.dryRun === true) return dryRun(context, composed);
  const client = await connectOrStart(context);
  const config = await withGroups(client, await withCode(client, composed));
  const { run_id: runId, created } = await client.submit(config, {
    env: composed.env,
    key: flags.key ?? '',
    ...(shell.TRACEPARENT === undefined ? {} : { traceparent: shell.TRACEPARENT }),
  });
  if (flags.follow === true) {
    if (!json) terminal.note(terminal.paint('dim', `run ${runId}`));
    return follow(context, client, runId);
  }
  if (!terminal.tty && !json) {
    terminal.print(runId);
    return exitCodes.ok;
  }
  const run = await client.get(runId);
  if (json) terminal.json({ ...run, created });
  else terminal.print(submittedLine(run, created, terminal.paint));
  return run.status === 'rejected' ? exitCodes.rejected : exitCodes.ok;
}

/** Says what would become of it, and stores nothing. */
async function dryRun(
  context: Context,
  { config, env }: Awaited<ReturnType<typeof compose>>,
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const plan = await client.plan(config, { env });
  const { verdict, text, slots } = plan;
  if (json) terminal.json(plan);
  else if (!terminal.tty) terminal.print([verdict, text, ...slots].join('\t'));
  else if (verdict === 'starts')
    terminal.print(`it would start at once${slots.length > 0 ? ` on ${slots.join(', ')}` : ''}`);
  else terminal.print(`it would ${verdict === 'waits' ? 'wait' : 'be refused'}: ${text}`);
  return verdict === 'refused' ? exitCodes.rejected : exitCodes.ok;
}

/** `k3f9a2mx ◐ GPU 0   follow: runyard logs -f k3f9`. */
export function submittedLine(
  run: RunSummary,
  created: boolean,
  paint: Context['terminal']['paint'],
): string {
  const place = run.gpu_slots.length > 0 ? placeText(run.gpu_slots) : run.why;
  const known = created ? '' : ' (submitted before under this key)';
  const text = `${run.run_id} ${statusText(run.status, paint)} ${place}`.trimEnd();
  return `${text}${known}   ${paint('dim', `follow: runyard logs -f ${run.run_id.slice(0, 4)}`)}`;
}
