/** The registry as the daemon holds it: opened, guarded, timed, kept lean; and how it does. */
import fs from 'node:fs';
import { RunyardError } from '../errors.ts';
import {
  type Checkpointer,
  createCheckpointer,
  createGuard,
  createMetricStore,
  createRemovals,
  createReserve,
  createRunStore,
  createSyncer,
  type Db,
  type Fault,
  faultOf,
  freeBytes,
  type Home,
  type MetricStore,
  openDatabase,
  type Removals,
  type RunStore,
} from '../persistence/index.ts';
import { type Clock, createLatency, type Logger } from '../telemetry/index.ts';

export type Registry = {
  store: RunStore;
  removals: Removals;
  metrics: MetricStore;
  checkpointer: Checkpointer;
  /** Resolves when all that was committed before is on the disk. */
  synced(): Promise<void>;
  commitMsP99(): number;
  /** What is wrong with it, until a write succeeds again. */
  fault(): Fault | null;
  /** After a fault: tries whether it works again. Takes back what it needs in reserve. */
  heal(): void;
  close(): void;
};

export type RegistryOptions = {
  home: Home;
  clock: Clock;
  log: Logger;
  /** Told of each commit and of each checkpoint, with their milliseconds. */
  onCommit?: (ms: number) => void;
  onCheckpoint?: (cause: string, ms: number) => void;
  /** Opens the database; another one where a test wants it to fail. */
  open?: (file: string) => Db;
};

const walCapBytes = 64 * 2 ** 20;
const checkpointEveryMs = 30_000;
/** With less, a start would find no room for its own files. */
const startBytes = 4 * 2 ** 20;
/** Looking through a larger one would hold up the start (measured: a second a gigabyte). */
const checkedBytes = 512 * 2 ** 20;
const probeKey = 'registry.probe';

/** Throws registry_corrupt, registry_unavailable and what opening may throw. */
export function openRegistry(options: RegistryOptions): Registry {
  const { home, clock, log, open = openDatabase } = options;
  const file = home.registry;
  const reserve = createReserve({ file: home.reserve, dir: home.root });
  const free = (): number => freeBytes(home.root);
  while (free() < startBytes && reserve.release()) log.warn({}, 'the disk is full: reserve used');
  const latency = createLatency();
  const guard = createGuard({
    file,
    freeBytes: free,
    makeRoom: () => {
      const released = reserve.release();
      log.warn({ released, left: reserve.bytes() }, 'the disk is full: reserve used');
      return released;
    },
    onCommit: (ms) => {
      latency.record(ms);
      options.onCommit?.(ms);
      checkpointer.committed();
    },
  });
  const db = opened(file, free, () => open(file));
  const checkpointer = createCheckpointer({
    db,
    file,
    clock,
    everyMs: checkpointEveryMs,
    capBytes: walCapBytes,
    onError: (error) => log.error({ err: error }, 'checkpoint failed'),
    ...(options.onCheckpoint === undefined ? {} : { done: options.onCheckpoint }),
  });
  const store = createRunStore(db, guard);
  const syncer = createSyncer(file);
  let unsynced = false;
  void reserve.refill();

  const synced = async (): Promise<void> => {
    try {
      await syncer.synced();
      unsynced = false;
    } catch (error) {
      unsynced = true;
      throw error;
    }
  };
  return {
    store,
    removals: createRemovals(db, guard),
    metrics: createMetricStore(db, guard),
    checkpointer,
    synced,
    commitMsP99: latency.p99,
    fault: () =>
      guard.fault() ??
      (unsynced
        ? { code: 'registry_unavailable', text: `${file} cannot be synced to disk`, lasting: false }
        : null),
    heal() {
      void reserve.refill();
      const fault = guard.fault();
      if (fault === null || fault.lasting) return;
      try {
        store.setMeta(probeKey, clock.iso());
        log.info({}, 'the registry can be written again');
      } catch {
        // Not yet: the fault is kept.
      }
    },
    close() {
      checkpointer.close();
      syncer.close();
      db.close();
    },
  };
}

/** Opens and looks through the whole of it: damage is told at the start, not in the middle of a run. */
function opened(file: string, free: () => number, open: () => Db): Db {
  try {
    const db = open();
    if ((fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) > checkedBytes) return db;
    const [found] = db.pragma('quick_check(1)') as { quick_check: string }[];
    if (found?.quick_check === 'ok') return db;
    db.close();
    throw Object.assign(new Error(found?.quick_check), { code: 'SQLITE_CORRUPT' });
  } catch (error) {
    const cause = error instanceof RunyardError ? error.cause : error;
    const fault = faultOf(cause, file, free);
    if (fault === null) throw error;
    throw new RunyardError(fault.code, fault.text, { cause });
  }
}
