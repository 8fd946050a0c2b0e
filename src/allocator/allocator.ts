/**
 * Decides which waiting runs may start. Pure: state in, decisions and reasons out; no clock, no I/O.
 * Order is by position in the queue; a larger run at its head is not overtaken on GPUs (never
 * starved), while runs that need none may pass it as long as the parallelism limit allows.
 */
export type Waiting = { readonly runId: string; readonly gpus: number };
export type Slot = {
  readonly id: string;
  /** Run that holds it, or null. */
  readonly heldBy: string | null;
};
export type AllocatorState = {
  readonly queue: readonly Waiting[];
  readonly slots: readonly Slot[];
  /** Runs granted and not yet done. */
  readonly live: number;
  /** How many runs may be live at once. */
  readonly parallel: number;
};
export type Grant = { readonly runId: string; readonly slots: readonly string[] };

/** Every grant that is possible now, in queue order. Stops early when nothing more can start. */
export function decide(state: AllocatorState): Grant[] {
  const free = state.slots.filter((slot) => slot.heldBy === null).map((slot) => slot.id);
  const grants: Grant[] = [];
  let room = state.parallel - state.live;
  let gpusReserved = false;
  for (const { runId, gpus } of state.queue) {
    if (room <= 0) break;
    if (gpus > state.slots.length) continue;
    if (gpus > 0 && (gpusReserved || gpus > free.length)) {
      gpusReserved = true;
      continue;
    }
    grants.push({ runId, slots: free.splice(0, gpus) });
    room -= 1;
  }
  return grants;
}

/** Why a run waits, as a sentence. Computed when somebody asks, so that waiting costs nothing. */
export function whyWaiting(state: AllocatorState, runId: string): string {
  const index = state.queue.findIndex((waiting) => waiting.runId === runId);
  const self = state.queue[index];
  if (self === undefined) return '';
  if (self.gpus > state.slots.length) {
    return `needs ${self.gpus} GPUs; this yard has ${state.slots.length}`;
  }
  const held = state.slots.filter((slot) => slot.heldBy !== null);
  const free = state.slots.length - held.length;
  if (self.gpus > free) {
    const holders = held.map((slot) => `${slot.id} held by ${slot.heldBy}`).join(', ');
    return `needs ${self.gpus} GPU${self.gpus === 1 ? '' : 's'}; ${free} free; ${holders}`;
  }
  if (state.live >= state.parallel) {
    const ahead = index === 0 ? 'next in line' : `${index} ahead in line`;
    return `${state.live} of ${state.parallel} runs at once are live; ${ahead}`;
  }
  const before = state.queue.slice(0, index).find((waiting) => waiting.gpus > free);
  return before === undefined
    ? 'about to start'
    : `behind ${before.runId}, which needs ${before.gpus} GPUs`;
}
