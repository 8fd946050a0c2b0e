/** Which transitions are on the disk: nothing beyond them is shown, published or acknowledged. */
import type { Clock } from '../telemetry/index.ts';
import type { Syncer } from './database.ts';

export type Durability = {
  /** A transition was committed; not yet synced. */
  committed(pos: number): void;
  /** Resolves when all that was committed before is on the disk. */
  synced(): Promise<void>;
  /** Position up to which transitions are on the disk. */
  pos(): number;
};

/** How soon a sync that failed is tried again: nobody else may ask for one. */
const retryMs = 1000;

/** `newest` is the last position of the registry as it was opened. */
export function createDurability(options: {
  syncer: Pick<Syncer, 'synced'>;
  newest: number;
  clock: Clock;
  advanced: (pos: number) => void;
}): Durability {
  const { syncer, newest, clock } = options;
  let durable = newest;
  let committed = newest;
  let retrying = false;
  const retry = (): void => {
    if (retrying) return;
    retrying = true;
    clock.after(retryMs, () => {
      retrying = false;
      synced().catch(() => undefined);
    });
  };
  const synced = async (): Promise<void> => {
    const pos = committed;
    try {
      await syncer.synced();
    } catch (error) {
      retry();
      throw error;
    }
    if (pos <= durable) return;
    durable = pos;
    options.advanced(pos);
  };
  return {
    committed(pos) {
      committed = pos;
    },
    synced,
    pos: () => durable,
  };
}
