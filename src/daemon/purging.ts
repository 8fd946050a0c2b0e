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
 * A worker goes on publishing what a run has left for ten minutes after the run's end: what it still
 * brings after the first purge goes with a second one.
 */
const lateMs = 15 * 60_000;
const lookMs = 10_000;
/** Positions without a removed run that are looked through again at a start, at most. */
const scanMax = 10_000;

export function createPurging(options: PurgingOptions): Purging {
  const { store, removals, yard, clock, log } = options;
  const from = Number(store.meta(purgedKey) ?? 0);
  let waiting = removals.after(from);
  /** Purged once, and still to be purged again. */
  const once = new Set<number>();
  let running = false;
  let asked = false;
  if (waiting.length === 0 && store.lastPos() - from > scanMax)
    store.setMeta(purgedKey, String(store.lastPos()));

  const isPublished = (pos: number): boolean => store.outbox(1, pos - 1, pos).length === 0;

  const purge = async (nc: NatsConnection, { pos, run_id: runId, at }: Tombstone) => {
    const isLate = clock.now().wall_ms - Date.parse(at) > lateMs;
    if ((once.has(pos) && !isLate) || !isPublished(pos)) return;
    const messages = await purgeRun(nc, yard, runId);
    if (messages > 0) log.info({ runId, messages }, 'messages of a removed run taken off the bus');
    once.add(pos);
    if (!isLate) return;
    once.delete(pos);
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
