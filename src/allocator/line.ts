/** The waiting runs in order. Ten thousand of them are not sorted again for each that comes or goes. */
import { compare, type Waiting } from './request.ts';

export type Line = {
  /** Puts a run where it belongs; one that is there already is replaced. */
  put(waiting: Waiting): void;
  take(runId: string): void;
  get(runId: string): Waiting | undefined;
  readonly size: number;
  /** In order. The same array while nothing changes. */
  readonly inOrder: readonly Waiting[];
};

export function createLine(): Line {
  const known = new Map<string, Waiting>();
  const sorted: Waiting[] = [];

  /** Where it is, or would be. */
  const indexOf = (waiting: Waiting): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(sorted[middle] as Waiting, waiting) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const take = (runId: string): void => {
    const waiting = known.get(runId);
    if (waiting === undefined) return;
    known.delete(runId);
    sorted.splice(indexOf(waiting), 1);
  };

  return {
    put(waiting) {
      take(waiting.runId);
      known.set(waiting.runId, waiting);
      sorted.splice(indexOf(waiting), 0, waiting);
    },
    take,
    get: (runId) => known.get(runId),
    get size() {
      return sorted.length;
    },
    inOrder: sorted,
  };
}
