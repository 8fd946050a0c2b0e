/** `runyard gpus`, `drain`, and `resume`. */
import type { DrainReply, GpuItem } from '../../contracts/index.ts';
import { type Context, usage } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { ResumeFlags } from '../program-queue.ts';
import { duration, fitting, plainCell, table } from '../render.ts';
import { pausing } from './pausing.ts';

export async function gpus(context: Context): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  const found: GpuItem[] = [];
  for await (const gpu of client.gpus()) {
    if (json) terminal.json(gpu);
    else found.push(gpu);
  }
  if (json) return exitCodes.ok;
  const rows = found.map((gpu) => cellsOf(gpu, Date.now()));
  if (!terminal.tty) for (const row of rows) terminal.print(row.map(plainCell).join('\t'));
  else if (rows.length === 0) terminal.print('no GPUs; see: runyard status');
  else {
    const head = ['GPU', 'NAME', 'MEM', 'UTIL', 'STATE', 'HOLDER', 'SINCE', 'FOREIGN', 'ID'];
    const lines = table([
      head.map((text) => terminal.paint('dim', text)),
      ...rows.map((row) => row.map((cell) => cell || '–')),
    ]);
    for (const line of lines) terminal.print(fitting(line, terminal.columns));
  }
  return exitCodes.ok;
}

export async function draining(
  context: Context,
  on: boolean,
  targets: readonly string[],
  flags: { message?: string },
): Promise<number> {
  const { terminal, json } = context;
  const client = await context.connect();
  for (const target of targets.length === 0 ? [''] : targets) {
    const reply = await client.setDrain({ target, on, reason: flags.message ?? '' });
    if (json) terminal.json(reply);
    else terminal.print(terminal.tty ? drainText(reply) : `${reply.target}\t${on}`);
  }
  return exitCodes.ok;
}

export async function resuming(
  context: Context,
  refs: readonly string[],
  flags: ResumeFlags,
): Promise<number> {
  const { message, yard = false, gpu = [] } = flags;
  const why = message === undefined ? {} : { message };
  if (refs.length === 0 && !yard && gpu.length === 0)
    throw usage('run', 'is missing', 'name a run, or say --yard or --gpu');
  if (yard) await draining(context, false, [], why);
  if (gpu.length > 0) await draining(context, false, gpu, why);
  return refs.length === 0 ? exitCodes.ok : pausing(context, 'resume', refs, why);
}

function drainText({ target, on, live_runs: live }: DrainReply): string {
  const what = target === 'yard' ? 'the yard' : target;
  if (!on) return `${what} is given out again`;
  const back = target === 'yard' ? '--yard' : `--gpu ${target}`;
  return `${what} is drained, ${live} live run${live === 1 ? '' : 's'} there   undo: runyard resume ${back}`;
}

function cellsOf(gpu: GpuItem, nowMs: number): string[] {
  const { holders, memory_mib: total, used_mib: used, utilization, state, text } = gpu;
  const names = holders.map(
    ({ run_id, user, share }) => `${user}/${run_id}${share < 1 ? ` ${share}` : ''}`,
  );
  const [first] = holders;
  const gib = (mib: number): string => (mib < 0 ? '?' : String(Math.round(mib / 1024)));
  return [
    String(gpu.index),
    gpu.name,
    total === 0 ? '' : `${gib(used)}/${gib(total)}G`,
    utilization < 0 ? '' : `${utilization}%`,
    text === '' ? state : text,
    names.join(' '),
    first === undefined ? '' : duration(nowMs - Date.parse(first.since)),
    gpu.foreign,
    gpu.id,
  ];
}
