/** GPUs as the allocator sees them: who holds what of each, and what fits where. */
import { gpuOfSlot, numberOfSlot, slotOf } from '../slots.ts';
import { type Claim, isShare, sharesPerGpu, thousandths, wholeGpu } from './request.ts';

/** Somebody's part of a GPU. */
export type Holding = {
  readonly runId: string;
  readonly user: string;
  readonly sinceMs: number;
  /** Thousandths of the GPU: 1,000 is all of it. */
  readonly share: number;
  /** The number of its share; null for a whole GPU. */
  readonly number: number | null;
  readonly memoryMib: number;
};

/** Why a GPU is given to nobody: `drained` by a person, `aside` by us, `sick` as its tool says. */
export type Shut = {
  readonly kind: 'drained' | 'aside' | 'sick';
  /** A sentence without its subject, such as `drained by ana: new fans`. */
  readonly text: string;
};

export type GpuState = {
  readonly id: string;
  /** 0: not known. */
  readonly memoryMib: number;
  readonly shut: Shut | null;
  /** Programs on it that are nobody's run and that are waited for, in words. */
  readonly foreign: string | null;
  readonly holdings: readonly Holding[];
};

/** Whether a GPU has the memory that is asked for, whoever has it now. One that does not tell is believed. */
export function isLargeEnough(claim: Pick<Claim, 'gpuMemoryMib'>, memoryMib: number): boolean {
  return memoryMib === 0 || (claim.gpuMemoryMib ?? 0) <= memoryMib;
}

/** What a run takes of a GPU's memory; one that names no figure takes as much of it as of the GPU. */
export function memoryOn(claim: Claim, memoryMib: number): number {
  if (!isShare(claim)) return memoryMib;
  return claim.gpuMemoryMib ?? Math.floor((memoryMib * thousandths(claim)) / wholeGpu);
}

/** What a slot means on its GPU; null when it is of another one. `claim` is unknown for leases of runs that are over. */
export function holdingOf(
  slot: string,
  gpu: Pick<GpuState, 'id' | 'memoryMib'>,
  claim: Claim | { readonly runId: string },
  sinceMs: number,
): Holding | null {
  if (gpuOfSlot(slot) !== gpu.id) return null;
  const number = numberOfSlot(slot);
  const known = 'user' in claim ? claim : null;
  const isPart = number !== null && known !== null;
  return {
    runId: claim.runId,
    user: known?.user ?? '',
    sinceMs,
    share: isPart ? thousandths(known) : wholeGpu,
    number,
    memoryMib: isPart ? memoryOn(known, gpu.memoryMib) : gpu.memoryMib,
  };
}

/** One GPU during a decision. */
export type Room = {
  readonly gpu: GpuState;
  taken: number;
  memoryMib: number;
  readonly numbers: Set<number>;
  /** For which run what is left of it is kept; null: for nobody. */
  keptFor: string | null;
};

export function roomOf(gpu: GpuState): Room {
  const { holdings } = gpu;
  return {
    gpu,
    taken: sum(holdings.map(({ share }) => share)),
    memoryMib: sum(holdings.map(({ memoryMib }) => memoryMib)),
    numbers: new Set(holdings.flatMap(({ number }) => (number === null ? [] : [number]))),
    keptFor: null,
  };
}

/** Whether it could be given to this run once nobody else had it. */
export function couldServe(claim: Claim, { shut, memoryMib }: GpuState): boolean {
  return shut === null && isLargeEnough(claim, memoryMib);
}

/** Whether there is room for it now, kept or not. */
export function hasRoom(claim: Claim, room: Room): boolean {
  const { gpu, taken, memoryMib, numbers } = room;
  if (!couldServe(claim, gpu) || gpu.foreign !== null) return false;
  if (!isShare(claim)) return taken === 0;
  return (
    taken + thousandths(claim) <= wholeGpu &&
    numbers.size < sharesPerGpu &&
    (gpu.memoryMib === 0 || memoryMib + memoryOn(claim, gpu.memoryMib) <= gpu.memoryMib)
  );
}

/**
 * The GPUs that it gets of these, or null when there are too few. Shares go where the least is left, so
 * that whole GPUs stay whole; whole ones to the smallest that do, so that large ones stay free.
 */
export function choose(claim: Claim, rooms: readonly Room[]): Room[] | null {
  const count = isShare(claim) ? 1 : claim.gpus;
  const fitting = rooms.filter((room) => room.keptFor === null && hasRoom(claim, room));
  if (fitting.length < count) return null;
  const bySize = (a: Room, b: Room): number => a.gpu.memoryMib - b.gpu.memoryMib;
  const order = isShare(claim) ? (a: Room, b: Room) => b.taken - a.taken || bySize(a, b) : bySize;
  return fitting.sort(order).slice(0, count);
}

/** Takes its part of a GPU; the slot. */
export function occupy(claim: Claim, room: Room): string {
  const share = isShare(claim);
  let number: number | null = null;
  if (share) {
    number = 0;
    while (room.numbers.has(number)) number += 1;
    room.numbers.add(number);
  }
  room.taken += share ? thousandths(claim) : wholeGpu;
  room.memoryMib += memoryOn(claim, room.gpu.memoryMib);
  return slotOf(room.gpu.id, number);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
