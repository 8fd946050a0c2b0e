/** Simulated time: what is due next runs next, whole, with every promise that it resolves. */
import type { Clock } from '../../src/telemetry/index.ts';

/** A process's life. What it had scheduled dies with it, as does all that it would still do. */
export type Life = { readonly name: string; dead: boolean };

type Task = { at: number; order: number; life: Life | null; act: (() => void) | null };

export type Schedule = {
  /** Milliseconds since the world began. */
  now(): number;
  /** Calls back after so many milliseconds unless that life has ended; what it returns calls it off. */
  after(ms: number, life: Life | null, act: () => void): () => void;
  /** Runs what is due next; false when nothing is. */
  step(): boolean;
  /** When the next is due. */
  next(): number;
  steps(): number;
};

export function createSchedule(): Schedule {
  const heap: Task[] = [];
  let now = 0;
  let order = 0;
  let steps = 0;
  const before = (a: Task, b: Task): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

  const push = (task: Task): void => {
    let at = heap.length;
    heap.push(task);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Task;
      if (!before(task, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = task;
  };
  const pop = (): Task | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      const right = heap[down + 1];
      if (right !== undefined && before(right, heap[down] as Task)) down += 1;
      const child = heap[down] as Task;
      if (!before(child, last)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
    return first;
  };
  const isIdle = ({ life, act }: Task): boolean => act === null || life?.dead === true;

  return {
    now: () => now,
    after(ms, life, act) {
      const task: Task = { at: now + Math.max(0, ms), order, life, act };
      order += 1;
      push(task);
      return () => {
        task.act = null;
      };
    },
    step() {
      for (;;) {
        const task = pop();
        if (task === undefined) return false;
        if (isIdle(task)) continue;
        now = task.at;
        steps += 1;
        const { act } = task;
        task.act = null;
        act?.();
        settlePromises();
        return true;
      }
    },
    next() {
      for (;;) {
        const first = heap[0];
        if (first === undefined) return Number.POSITIVE_INFINITY;
        if (!isIdle(first)) return first.at;
        pop();
      }
    },
    steps: () => steps,
  };
}

/**
 * Runs every reaction of a promise that can run. Node has no public call for it, and a turn of its
 * event loop for each step would cost twenty times as much; that it works is asserted at the start of a world.
 */
export function settlePromises(): void {
  (process as unknown as { _tickCallback(): void })._tickCallback();
}

/** A process's clock: monotonic from its machine's boot, and a wall that can be set. */
export function clockOf(
  schedule: Schedule,
  life: Life,
  machine: { bootId(): string; bootedAt(): number; wallMs(): number },
): Clock {
  return {
    now: () => ({
      boot_id: machine.bootId(),
      mono_ms: Math.floor(schedule.now() - machine.bootedAt()),
      wall_ms: machine.wallMs(),
    }),
    iso: () => new Date(machine.wallMs()).toISOString(),
    later: (act) => void (life.dead || schedule.after(0, life, act)),
    after: (ms, act) => (life.dead ? () => undefined : schedule.after(ms, life, act)),
  };
}
