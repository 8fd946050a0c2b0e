/** Points that have their numbers already: met again in their source, they are passed over. */
import type { FoundPoint } from './point-queue.ts';

/** The id of the last of them, by the name that its source has in ids. */
export type PassedState = Record<string, string>;

export type Passed = {
  has(point: Pick<FoundPoint, 'id' | 'file'>): boolean;
  /** Those that were not met yet, as a cursor has them: left out when there are none. */
  told(): { passed?: PassedState };
};

/** A source is read in its own order: what comes before its last one has a number, what comes behind it has none. */
export function createPassed(from: PassedState = {}): Passed {
  const left = new Map(Object.entries(from));
  return {
    has({ id, file = printedName }) {
      if (left.size === 0) return false;
      const last = left.get(file);
      if (last === undefined) return false;
      // It may be gone from there.
      const isBehind = offsetOf(id) > offsetOf(last);
      if (id === last || isBehind) left.delete(file);
      return !isBehind;
    },
    told: () => (left.size === 0 ? {} : { passed: Object.fromEntries(left) }),
  };
}

/** As `printed.ts` has it. */
const printedName = 'stdout';

/** Of an id, `ATTEMPT:NAME:OFFSET…`. */
export function nameIn(id: string): string {
  return id.split(':', 2)[1] ?? '';
}

function offsetOf(id: string): number {
  return Number.parseInt(id.split(':', 3)[2] ?? '', 10);
}
