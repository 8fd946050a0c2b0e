/**
 * Which GPUs there are and how they do, asked again and again and never waited for: whoever wants to know gets
 * what was last heard. A tool that is missing, fails or hangs is a state of the inventory, not an error:
 * GPUs that were known stay known, and are given to nobody while nothing can be said of them.
 */

import { messageOf } from '../errors.ts';
import { type Clock, every, type Logger } from '../telemetry/index.ts';
import { fakeGpus } from './fake.ts';
import type { Answer, Gpu } from './gpu.ts';
import { isSliced, parseNvidia } from './nvidia.ts';
import { parseRocm, rocmArguments } from './rocm.ts';
import { createTool, type Tool } from './tool.ts';

export type InventoryOptions = {
  /** `auto`, `none`, `fake:4x24GiB`. */
  wanted: string;
  env: NodeJS.ProcessEnv;
  clock: Clock;
  log: Logger;
  /** What was known when another daemon ended: a driver that fails now does not make GPUs unknown. */
  remembered: readonly Gpu[];
  remember: (gpus: readonly Gpu[]) => void;
  /** Told when something of it differs from before. */
  changed: () => void;
  deadlineMs?: number;
};

export type Inventory = {
  gpus(): readonly Gpu[];
  /** What is wrong with the tools, for people; empty when all is well. */
  troubles(): readonly string[];
  /** Asks once, and resolves when it is told or when the deadline is over. */
  refresh(): Promise<void>;
  start(): void;
  close(): void;
};

const everyMs = 5000;
/** Of machines without GPUs nothing new is expected. */
const missingEveryMs = 60_000;
const deadlineDefaultMs = 10_000;

const outOfService = 'its GPUs are given to nobody, live runs go on';

type Vendor = {
  readonly name: 'nvidia' | 'amd';
  readonly command: string;
  ask(known: readonly Gpu[]): Promise<{ answer: Answer; gpus: Gpu[] }>;
};

export function createInventory(options: InventoryOptions): Inventory {
  const { clock, log, wanted } = options;
  const deadlineMs = options.deadlineMs ?? deadlineDefaultMs;
  const fakes = wanted === 'none' ? [] : fakeGpus(wanted);
  const nowMs = (): number => clock.now().wall_ms;
  const tool = (command: string): Tool =>
    createTool({ command, env: options.env, deadlineMs, nowMs });
  const vendors: Vendor[] =
    fakes === null ? [nvidia(tool('nvidia-smi')), amd(tool('rocm-smi'))] : [];
  let gpus: readonly Gpu[] = fakes ?? options.remembered.map(unheard);
  let troubles: readonly string[] = [];
  /** GPUs that were there since we began. */
  const heard = new Set<string>();
  let asking: Promise<void> | null = null;
  let stop: () => void = () => undefined;
  let askedMs = 0;

  const ask = async (): Promise<void> => {
    askedMs = clock.now().mono_ms;
    const before = JSON.stringify([gpus, troubles]);
    const [set, found, wrong] = [gpus.map(({ id }) => id).join(), [] as Gpu[], [] as string[]];
    for (const vendor of vendors) {
      const known = gpus.filter((gpu) => gpu.vendor === vendor.name);
      const { answer, gpus: told } = await vendor.ask(known);
      const trouble = troubleOf(vendor.command, answer, nowMs());
      if (trouble !== null && (answer.kind !== 'missing' || known.length > 0)) wrong.push(trouble);
      found.push(...told);
      // A slice that is gone was made anew; a card that is gone fell out, unless that was before our time.
      const listed = new Set(told.map(({ id }) => id));
      for (const gpu of known)
        if (
          heard.has(gpu.id) &&
          !listed.has(gpu.id) &&
          gpu.partOf === null &&
          !isNowSliced(gpu, told)
        )
          found.push(silent(gpu, 'lost: it is not listed any more'));
      if (answer.kind === 'ok') for (const { id } of told) heard.add(id);
    }
    gpus = found;
    troubles = wrong;
    if (JSON.stringify([gpus, troubles]) === before) return;
    options.changed();
    if (gpus.map(({ id }) => id).join() === set) return;
    log.info({ gpus: gpus.map(({ id, name }) => `${id} ${name}`) }, 'GPUs');
    // Last: a registry that refuses it keeps nobody from the GPUs.
    options.remember(gpus);
  };
  const refresh = (): Promise<void> => {
    if (vendors.length === 0) return Promise.resolve();
    asking ??= ask()
      .catch((error) => log.error({ err: error }, 'the GPUs could not be looked at'))
      .finally(() => {
        asking = null;
      });
    return asking;
  };

  return {
    gpus: () => gpus,
    troubles: () => troubles,
    refresh,
    start() {
      if (vendors.length === 0) return;
      stop = every(clock, everyMs, () => {
        const isQuiet = gpus.length === 0 && troubles.length === 0;
        if (!isQuiet || clock.now().mono_ms - askedMs >= missingEveryMs) void refresh();
      });
    },
    close: () => stop(),
  };
}

function isNowSliced(gpu: Gpu, told: readonly Gpu[]): boolean {
  return told.some(({ partOf }) => partOf === gpu.id);
}

/** Remembered, and not yet heard of. */
function unheard(gpu: Gpu): Gpu {
  return silent(gpu, 'not heard of yet');
}

/** What was known of it, less all that changes. */
function silent(gpu: Gpu, trouble: string): Gpu {
  return { ...gpu, usedMib: null, utilization: null, processes: [], trouble };
}

function troubleOf(command: string, answer: Answer, nowMs: number): string | null {
  switch (answer.kind) {
    case 'ok':
      return null;
    case 'missing':
      return `${command} is not there any more; ${outOfService}`;
    case 'failed':
      return `${command} fails: ${answer.text}; ${outOfService}`;
    case 'hangs':
      return `${command} does not answer since ${Math.max(0, Math.round((nowMs - answer.sinceMs) / 1000))} s; ${outOfService}`;
  }
}

/** Parses what was answered; what cannot be read counts as a failure of the tool. */
function read(
  answer: Answer,
  parse: (text: string) => Gpu[],
): { answer: Answer; gpus: Gpu[] } | null {
  if (answer.kind !== 'ok') return null;
  try {
    return { answer, gpus: parse(answer.text) };
  } catch (error) {
    const text = `what it says cannot be read (${messageOf(error)})`;
    return { answer: { kind: 'failed', text, lost: null }, gpus: [] };
  }
}

function nvidia(smi: Tool): Vendor {
  const asked = async (...which: string[]): Promise<{ answer: Answer; gpus: Gpu[] } | null> => {
    const answer = await smi(['-q', '-x', ...which]);
    const list = answer.kind === 'ok' && isSliced(answer.text) ? await smi(['-L']) : null;
    return list !== null && list.kind !== 'ok'
      ? { answer: list, gpus: [] }
      : (read(answer, (text) => parseNvidia(text, list?.text ?? '')) ?? { answer, gpus: [] });
  };
  return {
    name: 'nvidia',
    command: 'nvidia-smi',
    async ask(known) {
      const found = (await asked()) ?? { answer: { kind: 'missing' as const }, gpus: [] };
      const { answer } = found;
      if (answer.kind === 'ok') return found;
      if (answer.kind === 'failed' && answer.text.startsWith('No devices were found'))
        return { answer: { kind: 'ok', text: '' }, gpus: [] };
      if (answer.kind === 'missing' || answer.kind === 'hangs' || answer.lost === null)
        return { answer, gpus: known.map((gpu) => silent(gpu, 'not heard of: its driver fails')) };
      // One that fell off the bus makes the tool fail for all: the others are asked one by one.
      const others: Gpu[] = [];
      for (const gpu of known) {
        const isLost = gpu.bus !== '' && sameBus(gpu.bus, answer.lost);
        const told = isLost ? null : await asked('-i', gpu.partOf ?? gpu.id);
        const own = told?.gpus.find(({ id }) => id === gpu.id);
        const trouble = isLost ? `lost: it is off the bus (${answer.lost})` : 'not heard of';
        others.push(own === undefined ? silent(gpu, trouble) : { ...own, index: gpu.index });
      }
      return { answer, gpus: others };
    },
  };
}

/** The same place, whichever way its domain is written: `0000:02:00.0`, `00000000:02:00.0`. */
function sameBus(a: string, b: string): boolean {
  const short = (bus: string): string => bus.toUpperCase().replace(/^0+(?=[0-9A-F]{4}:)/, '');
  return short(a) === short(b);
}

function amd(smi: Tool): Vendor {
  return {
    name: 'amd',
    command: 'rocm-smi',
    async ask(known) {
      const answer = await smi(rocmArguments);
      const found = read(answer, parseRocm);
      if (found?.answer.kind === 'ok') return found;
      const gpus = known.map((gpu) => silent(gpu, 'not heard of: its driver fails'));
      return { answer: found?.answer ?? answer, gpus };
    },
  };
}
