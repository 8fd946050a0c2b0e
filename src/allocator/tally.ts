/** What is taken, free and kept while one decision is made. */
import {
  choose,
  couldServe,
  type GpuState,
  hasRoom,
  isLargeEnough,
  occupy,
  type Room,
  roomOf,
} from './gpu.ts';
import { type Claim, isShare, thousandths, type Waiting, wholeGpu } from './request.ts';
import type { Lack, Short, Verdict } from './verdict.ts';

/** 0: no limit. GPUs may be fractions. */
export type Limits = {
  readonly userRuns: number;
  readonly userGpus: number;
  readonly projectRuns: number;
  readonly projectGpus: number;
};
export const noLimits: Limits = { userRuns: 0, userGpus: 0, projectRuns: 0, projectGpus: 0 };

export type Supply = {
  readonly gpus: readonly GpuState[];
  /** CPU slots and memory of the yard. */
  readonly cpus: number;
  readonly memoryMib: number;
  readonly live: readonly Claim[];
  readonly limits: Limits;
};

/** Slots or memory: what is really free, and what of that is not kept for somebody. */
type Counted = { readonly of: number; free: number; open: number; keptFor: string | null };
/** One user's or project's part. `waits`: its first run that is short of something, which is counted too. */
type Part = {
  runs: number;
  gpus: number;
  keptRuns: number;
  keptGpus: number;
  waits: string | null;
};
type LimitVerdict = Verdict & { kind: 'limit' };

export type Tally = ReturnType<typeof createTally>;

export function createTally(supply: Supply) {
  const { limits } = supply;
  const rooms = supply.gpus.map(roomOf);
  const parts = {
    user: new Map<string, Part>(),
    project: new Map<string, Part>(),
    group: new Map<string, Part>(),
  };
  const counted = {
    cpus: counter(supply.cpus, supply.live, ({ cpus }) => cpus),
    memory: counter(supply.memoryMib, supply.live, ({ memoryMib }) => memoryMib),
  };
  const limited = Object.values(limits).some((limit) => limit > 0);
  /** All GPUs with at least this much memory are kept already. */
  let keptFrom = Number.POSITIVE_INFINITY;
  /** GPUs of which anything is left, and those of them that are not kept for anybody. */
  let roomy = rooms.filter(hasAnything);
  let open = [...roomy];
  /** The first run that is short of something: all that it needs is kept for it. */
  let head: string | null = null;
  let ahead = 0;
  let behind: string | null = null;
  const sizes = new Map<number, { has: number; inService: number }>();

  const partOf = (of: LimitVerdict['of'], name: string): Part => {
    const found = parts[of].get(name);
    if (found !== undefined) return found;
    const made: Part = { runs: 0, gpus: 0, keptRuns: 0, keptGpus: 0, waits: null };
    parts[of].set(name, made);
    return made;
  };
  /** Those that may be limited. */
  const partsOf = ({ user, project, group = '' }: Claim): Part[] => [
    ...(limited ? [partOf('user', user)] : []),
    ...(limited && project !== '' ? [partOf('project', project)] : []),
    ...(group === '' ? [] : [partOf('group', group)]),
  ];
  const count = (claim: Claim): void => {
    for (const part of partsOf(claim)) {
      part.runs += 1;
      part.gpus += thousandths(claim);
    }
  };
  for (const claim of supply.live) count(claim);

  const serving = (claim: Claim): { has: number; inService: number } => {
    const need = claim.gpuMemoryMib ?? 0;
    const found = sizes.get(need);
    if (found !== undefined) return found;
    const large = supply.gpus.filter(({ memoryMib }) => isLargeEnough(claim, memoryMib));
    const made = { has: large.length, inService: large.filter((gpu) => gpu.shut === null).length };
    sizes.set(need, made);
    return made;
  };

  const limitOf = (claim: Claim, of: LimitVerdict['of']): LimitVerdict | null => {
    const name = claim[of] ?? '';
    if (name === '' && of !== 'user') return null;
    const part = partOf(of, name);
    const [runs, gpus] = {
      user: [limits.userRuns, wholeGpu * limits.userGpus] as const,
      project: [limits.projectRuns, wholeGpu * limits.projectGpus] as const,
      group: [claim.groupMost ?? 0, 0] as const,
    }[of];
    const waits = part.waits;
    if (runs > 0 && part.runs + part.keptRuns + 1 > runs) {
      const keptFor = part.runs + 1 > runs ? null : waits;
      return {
        kind: 'limit',
        of,
        name,
        what: 'runs',
        most: runs,
        now: part.runs,
        need: 1,
        keptFor,
      };
    }
    const need = thousandths(claim);
    if (gpus > 0 && need > 0 && part.gpus + part.keptGpus + need > gpus) {
      const keptFor = part.gpus + need > gpus ? null : waits;
      const [most, now] = [gpus / wholeGpu, part.gpus / wholeGpu];
      return { kind: 'limit', of, name, what: 'gpus', most, now, need: claim.gpus, keptFor };
    }
    return null;
  };
  /** Its first run that has to wait is counted as if it ran: no later one of the same takes its place. */
  const keepPart = (part: Part, claim: Claim, isHead: boolean): void => {
    if (part.waits !== null && !isHead) return;
    part.waits ??= claim.runId;
    part.keptRuns += 1;
    part.keptGpus += thousandths(claim);
  };

  const gpuShort = (claim: Claim): Short | null => {
    if (claim.gpus === 0) return null;
    const need = isShare(claim) ? 1 : claim.gpus;
    const room = roomy.filter((each) => hasRoom(claim, each));
    if (room.filter(({ keptFor }) => keptFor === null).length >= need) return null;
    const enough = room.length >= need;
    const keptFor = enough ? (room.find((each) => each.keptFor !== null)?.keptFor ?? null) : null;
    return { what: 'gpus', need: claim.gpus, room: room.length, keptFor };
  };
  const countedShort = (what: 'cpus' | 'memory', need: number): Short | null => {
    const { of, free, open: left, keptFor } = counted[what];
    if (need === 0 || need <= left) return null;
    return { what, need, free, of, keptFor: need <= free ? keptFor : null };
  };
  const keepCounted = (what: 'cpus' | 'memory', need: number, runId: string): void => {
    if (need === 0) return;
    const counter = counted[what];
    counter.open -= need;
    counter.keptFor ??= runId;
  };
  const refresh = (): void => {
    roomy = roomy.filter(hasAnything);
    open = roomy.filter(({ keptFor }) => keptFor === null);
  };

  return {
    /** More than the yard has, or null. */
    lacks(claim: Claim): readonly Lack[] | null {
      const lacks: Lack[] = [];
      if (claim.gpus > 0) {
        const { has, inService } = serving(claim);
        const need = isShare(claim) ? 1 : claim.gpus;
        if (need > inService) lacks.push({ what: 'gpus', need, has, shut: has - inService });
      }
      const { cpus, memoryMib } = claim;
      if (cpus > supply.cpus) lacks.push({ what: 'cpus', need: cpus, has: supply.cpus });
      if (memoryMib > supply.memoryMib)
        lacks.push({ what: 'memory', need: memoryMib, has: supply.memoryMib });
      return lacks.length === 0 ? null : lacks;
    },
    /** The limit that is in its way. From then on that limit is kept for it. */
    limit(claim: Claim): LimitVerdict | null {
      const ofAll = limited ? (limitOf(claim, 'user') ?? limitOf(claim, 'project')) : null;
      const found = ofAll ?? limitOf(claim, 'group');
      // One that is larger than its limit never starts: it keeps nothing from others.
      if (found !== null && found.need <= found.most)
        keepPart(partOf(found.of, found.name), claim, false);
      return found;
    },
    /** Its slots, taken from what is open; null when it is short of something. */
    take(claim: Claim): string[] | null {
      const { cpus, memoryMib } = claim;
      if (cpus > 0 && cpus > counted.cpus.open) return null;
      if (memoryMib > 0 && memoryMib > counted.memory.open) return null;
      const chosen = claim.gpus === 0 ? [] : choose(claim, open);
      if (chosen === null) return null;
      for (const [counter, need] of [
        [counted.cpus, cpus],
        [counted.memory, memoryMib],
      ] as const) {
        counter.free -= need;
        counter.open -= need;
      }
      const slots = chosen.map((room) => occupy(claim, room));
      count(claim);
      refresh();
      return slots;
    },
    /**
     * It waits: what it is short of is kept for it and for nobody behind it, and when it is the first that
     * waits, so is all else that it needs. Then nobody behind it can put off its start.
     */
    keep(claim: Claim, wanted: boolean): (Verdict & { kind: 'short' }) | null {
      const { runId, cpus, memoryMib } = claim;
      const lack = {
        gpus: open.length === 0 && !wanted ? noRoom(claim) : gpuShort(claim),
        cpus: countedShort('cpus', cpus),
        memory: countedShort('memory', memoryMib),
      };
      const isHead = head === null;
      if (isHead) head = runId;
      if (lack.cpus !== null || isHead) keepCounted('cpus', cpus, runId);
      if (lack.memory !== null || isHead) keepCounted('memory', memoryMib, runId);
      if (lack.gpus !== null) {
        const need = claim.gpuMemoryMib ?? 0;
        if (need < keptFrom) {
          for (const room of rooms) if (couldServe(claim, room.gpu)) room.keptFor ??= runId;
          keptFrom = need;
          refresh();
        }
      } else if (isHead && claim.gpus > 0) {
        for (const room of choose(claim, open) ?? []) room.keptFor = runId;
        refresh();
      }
      for (const part of partsOf(claim)) keepPart(part, claim, isHead);
      const shorts = Object.values(lack).filter((short) => short !== null);
      const verdict = { kind: 'short' as const, shorts, ahead, behind };
      ahead += 1;
      behind = runId;
      return wanted ? verdict : null;
    },
    /**
     * It gets nothing for sure, and nothing would be kept for it that is not kept already: it need not be
     * looked at. Most of a long queue is like that.
     */
    isPointless(claim: Claim): boolean {
      const { gpus, cpus, memoryMib, user, project, group = '' } = claim;
      if (head === null) return false;
      if (gpus > 0 && open.length > 0) return false;
      const [slots, memory] = [counted.cpus.open, counted.memory.open];
      const isShortOfSlots = cpus > 0 && cpus > slots;
      const isShortOfMemory = memoryMib > 0 && memoryMib > memory;
      if ((isShortOfSlots && slots > 0) || (isShortOfMemory && memory > 0)) return false;
      if (gpus === 0 && !isShortOfSlots && !isShortOfMemory) return false;
      const hasKept = (part: Part | undefined): boolean => (part?.waits ?? null) !== null;
      if (group !== '' && !hasKept(parts.group.get(group))) return false;
      if (!limited) return true;
      return (
        hasKept(parts.user.get(user)) && (project === '' || hasKept(parts.project.get(project)))
      );
    },
  };
}

/** What a run that needs GPUs is short of when there is no room on any: only that it is. */
function noRoom(claim: Waiting | Claim): Short | null {
  return claim.gpus === 0 ? null : { what: 'gpus', need: claim.gpus, room: 0, keptFor: null };
}

/** Whether anything of it is left to give. */
function hasAnything({ gpu, taken }: Room): boolean {
  return gpu.shut === null && gpu.foreign === null && taken < wholeGpu;
}

function counter(of: number, live: readonly Claim[], take: (claim: Claim) => number): Counted {
  const free = live.reduce((left, claim) => left - take(claim), of);
  return { of, free, open: free, keptFor: null };
}
