/** `runyard submit` and `run`. */
import type { RunSummary } from '../../contracts/index.ts';
import { codeIdentity } from '../code-identity.ts';
import { compose, type SubmitFlags } from '../compose.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { statusText } from '../render.ts';
import { connectOrStart } from '../starting.ts';

export async function submit(
  context: Context,
  words: readonly string[],
  flags: SubmitFlags & { follow?: boolean; dryRun?: boolean },
): Promise<number> {
  const { terminal, env: shell, cwd, json } = context;
  const composed = await compose({ flags, words, shell, cwd, umask: process.umask() });
  if (flags.dryRun === true) return dryRun(context, composed);
  const [client, config] = await Promise.all([connectOrStart(context), identified(composed)]);
  if (config.diff !== null) {
    const { uri } = await client.putInput(config.diff);
    config.code.diff_ref = uri;
  }
  const { run_id: runId, created } = await client.submit(
    { ...composed.config, ...(config.known ? {} : { code: config.code }) },
    {
      env: composed.env,
      key: flags.key ?? '',
      ...(shell.TRACEPARENT === undefined ? {} : { traceparent: shell.TRACEPARENT }),
    },
  );
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
  const place = run.gpu_slots.length > 0 ? `GPU ${run.gpu_slots.join(',')}` : run.why;
  const known = created ? '' : ' (submitted before under this key)';
  const text = `${run.run_id} ${statusText(run.status, paint)} ${place}`.trimEnd();
  return `${text}${known}   ${paint('dim', `follow: runyard logs -f ${run.run_id.slice(0, 4)}`)}`;
}

async function identified({ config, env }: Awaited<ReturnType<typeof compose>>): Promise<{
  known: boolean;
  code: Record<string, unknown>;
  diff: Buffer | null;
}> {
  const { command, cwd } = config;
  // A file may say itself which code it is about; a malformed one is the daemon's to refuse.
  if (config.code !== undefined || !Array.isArray(command) || typeof cwd !== 'string') {
    return { known: true, code: {}, diff: null };
  }
  const { code, diff } = await codeIdentity({
    command: command.map(String),
    cwd,
    searchPath: env.PATH ?? '',
  });
  return { known: false, code, diff };
}
