/** Who waits for slots and who holds them, as the allocator has to see it; grants are sent from here. */
import { type AllocatorState, decide, type Slot, whyWaiting } from '../allocator/index.ts';

export type QueueOptions = {
  slots: () => readonly { id: string }[];
  parallel: number;
  /** Runs under way, waiting ones left out. */
  live: () => number;
  grant: (runId: string, slots: readonly string[]) => void;
  /** A grant was thrown back. */
  refused: (runId: string, error: unknown) => void;
  /** Calls back later, not within the present turn. */
  later: (act: () => void) => void;
  /** Calls back after so many milliseconds. */
  after: (ms: number, act: () => void) => unknown;
  /** Why nothing is granted for now, although there may be slots; null: nothing is in the way. */
  hold: () => string | null;
};

/** How long until it is looked again whether grants are still held up. */
const holdMs = 1000;

export type Queue = {
  /** A run waits, asking for this many GPUs. Its place is that of its first call. */
  wait(runId: string, gpus: number): void;
  /** It waits no longer. */
  leave(runId: string): void;
  waiting(): number;
  /** Notes who holds slots from now on. */
  promise(slots: readonly string[], holder: string): void;
  /** Takes back what was promised to a run. */
  takeBack(runId: string): void;
  /** Gives slots back to everybody. */
  readmit(slots: readonly string[]): void;
  held(): number;
  why(runId: string): string;
  /** Grants what can be granted, soon. */
  schedule(): void;
  close(): void;
};

export function createQueue(options: QueueOptions): Queue {
  /** In order. */
  const waiting = new Map<string, { runId: string; gpus: number }>();
  /** Slots promised by a grant, until the run is done: lease rows alone would come too late. */
  const promised = new Map<string, string>();
  let scheduled = false;
  let closed = false;

  const state = (): AllocatorState => ({
    queue: [...waiting.values()],
    slots: options.slots().map(({ id }): Slot => ({ id, heldBy: promised.get(id) ?? null })),
    live: options.live(),
    parallel: options.parallel,
  });

  /** One that cannot be stored was told by its run, which is rebuilt and waits again. */
  const grant = (runId: string, slots: readonly string[]): void => {
    try {
      options.grant(runId, slots);
    } catch (error) {
      options.refused(runId, error);
    }
  };

  const schedule = (): void => {
    if (scheduled || closed) return;
    scheduled = true;
    options.later(() => {
      scheduled = false;
      if (closed || waiting.size === 0) return;
      if (options.hold() !== null) {
        options.after(holdMs, schedule);
        return;
      }
      for (const { runId, slots } of decide(state())) grant(runId, slots);
    });
  };

  return {
    wait: (runId, gpus) => waiting.set(runId, { runId, gpus }),
    leave: (runId) => waiting.delete(runId),
    waiting: () => waiting.size,
    promise(slots, holder) {
      for (const slot of slots) promised.set(slot, holder);
    },
    takeBack(runId) {
      for (const [slot, holder] of promised) if (holder === runId) promised.delete(slot);
    },
    readmit(slots) {
      for (const slot of slots) promised.delete(slot);
      schedule();
    },
    held: () => promised.size,
    why: (runId) => options.hold() ?? whyWaiting(state(), runId),
    schedule,
    close() {
      closed = true;
    },
  };
}
