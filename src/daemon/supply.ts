/** What the yard has to give out: its GPUs as they are now, its CPU slots and memory, its limits, and what is drained. */
import os from 'node:os';
import type { Yard } from '../actors/index.ts';
import { type GpuState, type Shut, shortGpu, wholeGpu } from '../allocator/index.ts';
import type { DrainReply, GpuItem, Settings, SupplyPort } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import {
  type Foreign,
  foreignOn,
  type Gpu,
  type Inventory,
  processUser,
} from '../inventory/index.ts';
import type { RunStore, ShutRow } from '../persistence/index.ts';
import { gpuOfSlot } from '../slots.ts';
import type { Clock } from '../telemetry/index.ts';
import { unnamedText } from './gpu-notes.ts';

export type SupplyOptions = {
  settings: Settings;
  inventory: Pick<Inventory, 'gpus'>;
  store: Pick<RunStore, 'shut' | 'setShut' | 'clearShut'>;
  /** Whether a process belongs to a run of this yard. */
  isOurs: (pid: number) => boolean;
  /** Each GPU and who holds what of it. */
  held: () => readonly GpuState[];
  live: () => number;
  /** Told when something may start that could not before. */
  changed: () => void;
  /** GPUs that other yards of this machine hold, and who does; those of slots that were `found` held in any case. */
  others: (found?: readonly string[]) => ReadonlyMap<string, string>;
  synced: () => Promise<void>;
  clock: Clock;
};

export type SupplyPart = SupplyPort & {
  yard(): Yard;
  /** Gives a GPU to nobody any more, until a person readmits it. */
  setAside(gpu: string, reason: string): void;
  /** Why nothing new starts in the yard: who drained it; empty when it does. */
  drained(): string;
  /** What is set aside, and why. */
  asides(): string[];
  /** The same for GPUs that their vendor's tool finds wanting, or no longer finds. */
  sick(): string[];
  /** Another yard of this machine holds one of these: they are left alone for a while. */
  usedElsewhere(slots: readonly string[]): void;
};

const elsewhereMs = 10_000;

const wholeYard = 'yard';

export function createSupply(options: SupplyOptions): SupplyPart {
  const { settings, inventory, store, clock } = options;
  /** GPUs that were locked by another yard when we wanted them, by whom, and until when they are left alone. */
  const elsewhere = new Map<string, { text: string; until: number }>();
  let shut = new Map(store.shut().map((row) => [row.target, row]));
  let looked: { gpus: readonly Gpu[]; foreign: ReadonlyMap<string, Foreign> } | null = null;
  const memoryMib = settings.memory_mib || Math.floor(os.totalmem() / 2 ** 20);
  const limits = {
    userRuns: settings.user_runs,
    userGpus: settings.user_gpus,
    projectRuns: settings.project_runs,
    projectGpus: settings.project_gpus,
  };
  const policy = { policy: settings.gpu_foreign, leastMib: settings.gpu_foreign_mib };

  /** Looked at once for each answer of the tools. */
  const foreign = (): ReadonlyMap<string, Foreign> => {
    const gpus = inventory.gpus();
    if (looked?.gpus !== gpus) {
      const found = gpus.map(
        (gpu) => [gpu.id, foreignOn(gpu, policy, options.isOurs, processUser)] as const,
      );
      const programs = new Map(found);
      if (found.some(([, each]) => (each?.waitedFor ?? null) !== null)) {
        // Of a program that is a run of another yard, the run says more.
        for (const [id, text] of options.others()) {
          const each = programs.get(id);
          if (each !== undefined && each.waitedFor !== null)
            programs.set(id, { ...each, waitedFor: text });
        }
      }
      looked = { gpus, foreign: programs };
    }
    return looked.foreign;
  };
  const shutOf = (gpu: Gpu): Shut | null => {
    const row = shut.get(gpu.id);
    if (row !== undefined)
      return { kind: row.kind === 'aside' ? 'aside' : 'drained', text: textOf(row) };
    return gpu.trouble === null ? null : { kind: 'sick', text: gpu.trouble };
  };
  const reread = (): void => {
    shut = new Map(store.shut().map((row) => [row.target, row]));
    options.changed();
  };
  const gpuOf = (target: string): string => {
    const gpus = inventory.gpus();
    const found = gpus.filter(
      ({ id, index, partOf }) =>
        id.startsWith(target) || (partOf === null && String(index) === target),
    );
    const [only] = found;
    if (only !== undefined && found.length === 1) return only.id;
    throw new RunyardError(
      'usage',
      `"${target}" is ${only === undefined ? 'no GPU' : 'not one GPU'} of this yard`,
      {
        violations: [
          {
            field: 'gpu',
            rule: `must be one of ${gpus.map(({ id }) => shortGpu(id)).join(', ') || 'no GPUs'}`,
            hint: 'see: runyard gpus',
          },
        ],
      },
    );
  };

  return {
    yard() {
      const drained = shut.get(wholeYard);
      return {
        gpus: inventory.gpus().map((gpu) => ({
          id: gpu.id,
          memoryMib: gpu.memoryMib,
          shut: shutOf(gpu),
          foreign: elsewhere.get(gpu.id)?.text ?? foreign().get(gpu.id)?.waitedFor ?? null,
        })),
        cpus: settings.parallel,
        memoryMib,
        limits,
        drained: drained === undefined ? null : { by: drained.user, reason: drained.reason },
      };
    },
    setAside(gpu, reason) {
      // A person's own word about it stands.
      if (shut.has(gpu)) return;
      store.setShut({ target: gpu, kind: 'aside', user: 'runyard', reason, at: clock.iso() });
      reread();
    },
    drained() {
      const row = shut.get(wholeYard);
      return row === undefined ? '' : textOf(row);
    },
    asides: () =>
      [...shut.values()]
        .filter(({ kind }) => kind === 'aside')
        .map(
          (row) => `${shortGpu(row.target)} is ${textOf(row)}; runyard resume --gpu ${row.target}`,
        ),
    sick: () =>
      inventory
        .gpus()
        // Of a tool that fails the inventory itself tells.
        .filter(({ trouble }) => trouble !== null && !trouble.startsWith('not heard of'))
        .map(({ id, trouble }) => `${shortGpu(id)} is sick: ${trouble}; it is given to nobody`),
    usedElsewhere(slots) {
      const others = options.others(slots);
      for (const gpu of slots.map(gpuOfSlot)) {
        const until = clock.now().mono_ms + elsewhereMs;
        elsewhere.set(gpu, { text: others.get(gpu) ?? unnamedText, until });
        clock.after(elsewhereMs, () => {
          if (elsewhere.get(gpu)?.until !== until) return;
          elsewhere.delete(gpu);
          options.changed();
        });
      }
      options.changed();
    },
    gpus() {
      const states = new Map(options.held().map((state) => [state.id, state]));
      const others = options.others();
      return inventory.gpus().flatMap((gpu) => {
        const state = states.get(gpu.id);
        if (state === undefined) return [];
        const programs = foreign().get(gpu.id)?.text ?? '';
        return [itemOf(gpu, state, others.get(gpu.id) ?? null, programs)];
      });
    },
    async setDrain({ target, on, reason, user }): Promise<DrainReply> {
      const which = target === '' || target === wholeYard ? wholeYard : gpuOf(target);
      if (on) store.setShut({ target: which, kind: 'drained', user, reason, at: clock.iso() });
      else store.clearShut(which);
      reread();
      await options.synced();
      const held = options.held().find(({ id }) => id === which)?.holdings.length ?? 0;
      return { target: which, on, live_runs: which === wholeYard ? options.live() : held };
    },
  };
}

function textOf({ kind, user, reason }: ShutRow): string {
  const why = reason === '' ? '' : `: ${reason}`;
  return kind === 'aside' ? `set aside${why}` : `drained by ${user}${why}`;
}

/** `other`: who of another yard holds it, or null. */
function itemOf(
  gpu: Gpu,
  { shut, foreign, holdings }: GpuState,
  other: string | null,
  programs: string,
): GpuItem {
  const isShared = holdings.some(({ share }) => share < wholeGpu);
  const used = holdings.length === 0 ? 'free' : isShared ? 'shared' : 'held';
  return {
    id: gpu.id,
    index: gpu.index,
    vendor: gpu.vendor,
    name: gpu.name,
    memory_mib: gpu.memoryMib,
    used_mib: gpu.usedMib ?? -1,
    utilization: gpu.utilization ?? -1,
    state: shut?.kind ?? (used === 'free' && (foreign ?? other) !== null ? 'foreign' : used),
    text: shut?.text ?? '',
    holders: holdings.map(({ runId, user, sinceMs, share, memoryMib }) => ({
      run_id: runId,
      user,
      since: new Date(sinceMs).toISOString(),
      share: share / wholeGpu,
      memory_mib: memoryMib,
    })),
    foreign: [other ?? '', programs].filter(Boolean).join('; '),
    part_of: gpu.partOf ?? '',
  };
}
