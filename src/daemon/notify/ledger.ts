/**
 * What hooks are still to be told, and how far the yard's transitions were looked through for it: one value of the
 * registry, written at once, so that a crash takes nothing away and at most tells something again.
 */
import type { RunStore } from '../../persistence/index.ts';

/** One thing that one hook is to be told. */
export type Due = {
  id: string;
  event: string;
  /** Which hook, by what it is: settings may list it elsewhere next time. */
  hook: string;
  run: string;
  group: string;
  at: string;
  tries: number;
  /** Not before, milliseconds since the epoch. */
  notBefore: number;
};

export type Ledger = {
  /** Position up to which transitions were looked through. */
  pos: number;
  /** Runs that were to be told as waiting up to here were, by hook: milliseconds since the epoch. */
  waited: Record<string, number>;
  due: Due[];
  /** What was dropped, because it could not be told or there was too much of it. */
  lost: number;
  /** Ids of groups that were told lately. */
  groups: string[];
};

const key = 'notify';

export function readLedger(store: RunStore): Ledger | null {
  const text = store.meta(key);
  return text === undefined || text === '' ? null : (JSON.parse(text) as Ledger);
}

export function writeLedger(store: RunStore, ledger: Ledger): void {
  store.setMeta(key, JSON.stringify(ledger));
}

/** Without hooks nothing is owed: those of later are told of what comes from then on. */
export function forgetLedger(store: RunStore): void {
  if (store.meta(key)) store.setMeta(key, '');
}
