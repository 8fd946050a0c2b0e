/** What is known of each metric of an attempt without its points: how many, the last, the least, the greatest. */
import { toBusNumber, type WireNumber } from '../numbers.ts';

export type KeyStats = {
  key: string;
  source: string;
  /** Of its last point. */
  seq: number;
  step: number | string | null;
  wall: string;
  last: number;
  count: number;
  /** NaN when no point is a number. */
  min: number;
  max: number;
};

type Point = {
  seq: number;
  key: string;
  step: number | string | null;
  wall: string;
  value: number | string;
  source: string;
};

/** As JSON carries it. */
export type StoredKey = Omit<KeyStats, 'last' | 'min' | 'max'> &
  Record<'last' | 'min' | 'max', WireNumber>;

/** A script that puts a number into its names must not take all memory; beyond it, a name is not counted. */
export const keysMost = 5000;

export type Keys = {
  add(point: Point): void;
  all(): KeyStats[];
  /** Those that points were added to since this was last asked. */
  changed(): KeyStats[];
  /** All of them count as changed. */
  touch(): void;
};

export function createKeys(from: readonly StoredKey[] = []): Keys {
  const keys = new Map<string, KeyStats>();
  const fresh = new Set<KeyStats>();
  for (const { last, min, max, ...rest } of from) {
    const numbers = { last: Number(last), min: Number(min), max: Number(max) };
    keys.set(rest.key, { ...rest, ...numbers });
  }
  return {
    add({ seq, key, step, wall, value, source }) {
      const last = Number(value);
      let stats = keys.get(key);
      if (stats === undefined) {
        if (keys.size >= keysMost) return;
        stats = { key, source, seq, step, wall, last, count: 0, min: Number.NaN, max: Number.NaN };
        keys.set(key, stats);
      }
      stats.seq = seq;
      stats.step = step;
      stats.wall = wall;
      stats.source = source;
      stats.last = last;
      stats.count += 1;
      // Whatever NaN is compared with, it is not less and not greater.
      if (!(last >= stats.min)) stats.min = Number.isNaN(last) ? stats.min : last;
      if (!(last <= stats.max)) stats.max = Number.isNaN(last) ? stats.max : last;
      fresh.add(stats);
    },
    all: () => [...keys.values()],
    changed() {
      const found = [...fresh];
      fresh.clear();
      return found;
    },
    touch() {
      for (const stats of keys.values()) fresh.add(stats);
    },
  };
}

export function storedKey({ last, min, max, ...rest }: KeyStats): StoredKey {
  return { ...rest, last: toBusNumber(last), min: toBusNumber(min), max: toBusNumber(max) };
}
