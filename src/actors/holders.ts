/** Which GPU is held by whom, and which is set aside. */
import { type GpuState, holdingOf, type Waiting } from '../allocator/index.ts';
import { gpuOfSlot } from '../slots.ts';

/** A run under way, and since when it has its slots. */
export type Known = { request: Waiting; sinceMs: number | null };

type Around = {
  /** Slots, and the runs that they are promised to. */
  promised: ReadonlyMap<string, string>;
  /** Slots that nobody gets, and why. */
  aside: ReadonlyMap<string, string>;
  known: ReadonlyMap<string, Known>;
  nowMs: number;
};

export function withHolders(
  gpus: readonly Omit<GpuState, 'holdings'>[],
  { promised, aside, known, nowMs }: Around,
): GpuState[] {
  const holdings = new Map<string, GpuState['holdings'][number][]>();
  for (const [slot, runId] of promised) {
    const id = gpuOfSlot(slot);
    const { request, sinceMs } = known.get(runId) ?? { request: { runId }, sinceMs: null };
    const gpu = gpus.find((each) => each.id === id);
    if (gpu === undefined) continue;
    const holding = holdingOf(slot, gpu, request, sinceMs ?? nowMs);
    if (holding !== null) holdings.set(id, [...(holdings.get(id) ?? []), holding]);
  }
  const kept = new Map([...aside].map(([slot, text]) => [gpuOfSlot(slot), text]));
  return gpus.map((gpu) => {
    const text = kept.get(gpu.id);
    const shut = text === undefined ? gpu.shut : { kind: 'aside' as const, text };
    return { ...gpu, shut, holdings: holdings.get(gpu.id) ?? [] };
  });
}
