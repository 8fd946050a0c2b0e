/** Which transitions are on the disk: nothing beyond them is shown, published or acknowledged. */
import type { Syncer } from './database.ts';

export type Durability = {
  /** A transition was committed; not yet synced. */
  committed(pos: number): void;
  /** Resolves when all that was committed before is on the disk. */
  synced(): Promise<void>;
  /** Position up to which transitions are on the disk. */
  pos(): number;
};

/** `newest` is the last position of the registry as it was opened. */
export function createDurability(
  syncer: Pick<Syncer, 'synced'>,
  newest: number,
  advanced: (pos: number) => void,
): Durability {
  let durable = newest;
  let committed = newest;
  return {
    committed(pos) {
      committed = pos;
    },
    async synced() {
      const pos = committed;
      await syncer.synced();
      if (pos <= durable) return;
      durable = pos;
      advanced(pos);
    },
    pos: () => durable,
  };
}
