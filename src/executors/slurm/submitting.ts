/**
 * Hands attempts to sbatch. Those that ask for the same and come together become the tasks of one job array, as a
 * sweep does. Written down first under a name of its own: a job whose number was never heard is found by it.
 */
import crypto from 'node:crypto';
import { RunyardError } from '../../errors.ts';
import { failpoint } from '../../failpoints.ts';
import type { Clock, Logger } from '../../telemetry/index.ts';
import { writeJob } from './job-file.ts';
import { type Parcel, parcelLine } from './parcel.ts';
import { scriptMost, scriptOf } from './script.ts';
import type { Tools } from './tools.ts';

/** What an attempt asks Slurm for. */
export type JobRequest = {
  readonly partition?: string | undefined;
  readonly account?: string | undefined;
  readonly qos?: string | undefined;
  /** Seconds; left out: what the partition gives. */
  readonly timeS?: number | undefined;
  readonly gpus: number;
  /** `gpu`, or `gpu:a100`: how Slurm calls them. */
  readonly gres: string;
  readonly cpus?: number | undefined;
  readonly memoryMib?: number | undefined;
  readonly flags: readonly string[];
};

export type Order = {
  readonly dir: string;
  readonly parcel: Parcel;
  readonly request: JobRequest;
  /** Of the run: the job has it, and nothing of the daemon's. */
  readonly env: Readonly<Record<string, string>>;
};

export type Submitting = {
  /** Resolves with the job's id. Throws `slurm_refused`; where Slurm is away it is tried again until `signal`. */
  submit(order: Order, signal: AbortSignal): Promise<string>;
  /** Why Slurm takes nothing, or null. */
  trouble(): string | null;
};

/** How long others of the same kind are waited for, from the last that came and from the first. */
const gatherMs = { last: 150, most: 1000 };
const retryMs = { first: 500, most: 15_000 };

type Waiting = Order & {
  signal: AbortSignal;
  resolve: (id: string) => void;
  reject: (error: unknown) => void;
};

export function createSubmitting(options: {
  tools: Tools;
  yard: string;
  command: readonly string[];
  /** Tasks of one array. */
  arrayMost: number;
  log: string;
  warnS: number;
  clock: Clock;
  logger: Logger;
}): Submitting {
  const { tools, clock, logger } = options;
  const groups = new Map<string, { orders: Waiting[]; sinceMs: number; callOff: () => void }>();
  let trouble: string | null = null;

  const send = async (key: string): Promise<void> => {
    const orders = (groups.get(key)?.orders ?? []).filter(({ signal }) => !signal.aborted);
    groups.delete(key);
    for (const part of parts(orders, options.arrayMost)) await sendPart(part);
  };

  const sendPart = async (orders: readonly Waiting[]): Promise<void> => {
    try {
      const id = await sbatch(orders);
      orders.forEach(({ resolve }, task) => {
        resolve(orders.length === 1 ? id : `${id}_${task}`);
      });
    } catch (error) {
      for (const { reject } of orders) reject(error);
    }
  };

  const sbatch = async (orders: readonly Waiting[]): Promise<string> => {
    const [first] = orders;
    if (first === undefined) throw new RangeError('nothing to submit');
    const name = `ry-${options.yard}-${crypto.randomBytes(6).toString('hex')}`;
    const isArray = orders.length > 1;
    orders.forEach(({ dir }, index) => {
      writeJob(dir, { v: 1, name, task: isArray ? index : null, job: null, claim: null });
    });
    failpoint('slurm.named');
    const script = scriptOf(
      options.command,
      orders.map(({ parcel }) => parcel),
    );
    const args = [
      ...argsOf(first.request, options),
      `--job-name=${name}`,
      ...(isArray ? [`--array=0-${orders.length - 1}`] : []),
    ];
    let wait = retryMs.first;
    for (;;) {
      try {
        const id = await tools.submit({ script, args, env: first.env });
        trouble = null;
        failpoint('slurm.submitted');
        logger.info({ job: id, tasks: orders.length }, 'handed to Slurm');
        return id;
      } catch (error) {
        if (!(error instanceof RunyardError) || error.code !== 'slurm_away') throw error;
        trouble = error.message;
      }
      if (orders.every(({ signal }) => signal.aborted)) {
        const why = trouble;
        trouble = null;
        throw new RunyardError('slurm_away', why);
      }
      await new Promise<void>((resolve) => clock.after(wait, resolve));
      wait = Math.min(retryMs.most, wait * 2);
      // It may have been taken although the answer was never heard.
      const known = await idByName(tools, name).catch(() => null);
      if (known !== null) return known;
    }
  };

  return {
    submit: (order, signal) =>
      new Promise((resolve, reject) => {
        const key = keyOf(order);
        const group = groups.get(key) ?? {
          orders: [],
          sinceMs: clock.now().mono_ms,
          callOff: () => undefined,
        };
        groups.set(key, group);
        group.orders.push({ ...order, signal, resolve, reject });
        group.callOff();
        const left = gatherMs.most - (clock.now().mono_ms - group.sinceMs);
        group.callOff = clock.after(Math.max(0, Math.min(gatherMs.last, left)), () => {
          void send(key);
        });
      }),
    trouble: () => trouble,
  };
}

/** The number of the job of this name, of the whole array where it is one; null when Slurm knows none. */
export async function idByName(tools: Tools, name: string): Promise<string | null> {
  const found = (await tools.jobs()).find((job) => job.name === name);
  return found === undefined ? null : (found.id.split('_')[0] ?? null);
}

/** Who may share an array: the same environment and the same wishes. */
function keyOf({ request, env }: Order): string {
  const text = JSON.stringify([request, Object.entries(env).sort()]);
  return crypto.createHash('sha256').update(text).digest('hex');
}

function parts(orders: readonly Waiting[], most: number): Waiting[][] {
  const found: Waiting[][] = [];
  let size = 0;
  for (const order of orders) {
    const length = parcelLine(order.parcel).length + 1;
    const last = found.at(-1);
    if (last === undefined || last.length >= most || size + length > scriptMost) {
      found.push([order]);
      size = length;
    } else {
      last.push(order);
      size += length;
    }
  }
  return found;
}

function argsOf(request: JobRequest, { log, warnS }: { log: string; warnS: number }): string[] {
  const { partition, account, qos, timeS, gpus, gres, cpus, memoryMib, flags } = request;
  const given = (name: string, value: string | number | undefined): string[] =>
    value === undefined || value === '' ? [] : [`--${name}=${value}`];
  return [
    ...given('partition', partition),
    ...given('account', account),
    ...given('qos', qos),
    ...given('time', timeS === undefined ? undefined : Math.ceil(timeS / 60)),
    ...(gpus > 0 ? [`--gres=${gres}:${gpus}`] : []),
    ...given('cpus-per-task', cpus),
    ...given('mem', memoryMib === undefined ? undefined : `${memoryMib}M`),
    // What the user says of the same comes after what we say.
    ...flags,
    '--nodes=1',
    '--ntasks=1',
    // Whether it is tried again is for its run's policy to say.
    '--no-requeue',
    '--export=ALL',
    '--chdir=/',
    `--output=${log}`,
    ...(warnS > 0 ? [`--signal=B:USR2@${warnS}`] : []),
  ];
}
