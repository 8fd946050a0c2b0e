/**
 * Takes what removed runs had off the bus, once the event that says so is there. The event itself stays: it is
 * the last of its subject, so that the stream's newest message is never purged and the relay finds it.
 */
import type { Removals, RunStore, Tombstone } from '../persistence/index.ts';
import { type Clock, every, type Logger } from '../telemetry/index.ts';
import { type NatsConnection, purgeRun } from '../transport/nats/index.ts';

export type Purging = {
  /** One more run was removed. */
  add(tombstone: Tombstone): void;
  /** Something was published, or the bus came back. */
  wake(): void;
  close(): void;
};

export type PurgingOptions = {
  store: RunStore;
  removals: Removals;
  yard: string;
  connection: () => NatsConnection | null;
  clock: Clock;
  log: Logger;
};

const purgedKey = 'bus.purged';
/**
 * How long after the first purge of a run the others come: a worker that could not reach the bus may still
 * publish what the run has left, until ten minutes after its end.
 */
const againMs = [5000, 60_000, 15 * 60_000] as const;
const lookMs = 2000;
/** Positions without a removed run that are looked through again at a start, at most. */
const scanMax = 10_000;

export function createPurging(options: PurgingOptions): Purging {
  const { store, removals, yard, clock, log } = options;
  const from = Number(store.meta(purgedKey) ?? 0);
  let waiting = removals.after(from);
  /** Purged by this daemon, and to be purged again: when first, and how often. */
  const begun = new Map<number, { firstMs: number; times: number }>();
  let running = false;
  let asked = false;
  if (waiting.length === 0 && store.lastPos() - from > scanMax)
    store.setMeta(purgedKey, String(store.lastPos()));

  const isPublished = (pos: number): boolean => store.outbox(1, pos - 1, pos).length === 0;

  const purge = async (nc: NatsConnection, { pos, run_id: runId }: Tombstone): Promise<void> => {
    const nowMs = clock.now().mono_ms;
    const { firstMs, times } = begun.get(pos) ?? { firstMs: nowMs, times: 0 };
    const dueMs = firstMs + (times === 0 ? 0 : (againMs[times - 1] ?? 0));
    if (nowMs < dueMs || !isPublished(pos)) return;
    const messages = await purgeRun(nc, yard, runId);
    if (messages > 0) log.info({ runId, messages }, 'messages of a removed run taken off the bus');
    begun.set(pos, { firstMs, times: times + 1 });
    if (times < againMs.length) return;
    begun.delete(pos);
    waiting = waiting.filter((one) => one.pos !== pos);
    store.setMeta(purgedKey, String((waiting[0]?.pos ?? pos + 1) - 1));
  };

  const run = async (): Promise<void> => {
    running = true;
    while (asked) {
      asked = false;
      try {
        for (const tombstone of waiting) {
          const nc = options.connection();
          if (nc === null) break;
          await purge(nc, tombstone);
        }
      } catch (error) {
        // Tried again soon: the bus may be away.
        log.debug({ err: error }, 'what removed runs had on the bus could not be purged');
      }
    }
    running = false;
  };
  const wake = (): void => {
    if (waiting.length === 0) return;
    asked = true;
    if (!running) void run();
  };
  const stop = every(clock, lookMs, wake);

  return {
    add(tombstone) {
      waiting = [...waiting, tombstone];
      wake();
    },
    wake,
    close: stop,
  };
}
