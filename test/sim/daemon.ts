/** One life of a daemon, wired as src/daemon/parts.ts does, on a simulated machine. */

import {
  createOrchestrator,
  createSupervisor,
  type Orchestrator,
  provideRun,
  type Supervisor,
} from '../../src/actors/index.ts';
import { noLimits } from '../../src/allocator/index.ts';
import { createBeats } from '../../src/daemon/beats.ts';
import { createBusLink } from '../../src/daemon/bus-link.ts';
import { createTidying, mendLeases } from '../../src/daemon/tidying.ts';
import {
  createCheckpointer,
  createDurability,
  createGuard,
  createRunStore,
  createSyncer,
  type Db,
} from '../../src/persistence/index.ts';
import { neverRan } from '../../src/rundir/index.ts';
import { noConsole } from '../fixtures/console.ts';
import { noBus, noReaders } from '../fixtures/readers.ts';
import type { Bus } from './bus.ts';
import type { Checker } from './checker.ts';
import { createExecutor } from './executor.ts';
import { silentLog } from './log.ts';
import { defaults, gpus } from './plan.ts';
import type { Registry } from './registry.ts';
import { clockOf, type Life } from './schedule.ts';
import { passed, recordsOf, type Stage } from './stage.ts';
import type { Wires } from './wire.ts';
import type { Workers } from './worker.ts';

export type Daemon = {
  readonly life: Life;
  readonly raw: Db;
  readonly orchestrator: Orchestrator;
  readonly supervisor: Supervisor;
  readonly walBytes: () => number;
  /** A graceful end: workers and bus go on. */
  close(): Promise<void>;
  /** Gives back what the operating system would take from a dead process. */
  reclaim(): void;
};

export type DaemonParts = {
  stage: Stage;
  life: Life;
  registry: Registry;
  bus: Bus;
  workers: Workers;
  wires: Wires;
  checker: Checker;
  newId: () => string;
};

export const parallel = 6;
export const walCapBytes = 4 << 20;
const lockFile = (slot: string): string => `/locks/${slot}.lock`;

/** Opens the registry and takes up every unfinished run. */
export function startDaemon(parts: DaemonParts): Daemon {
  const { stage, life, registry, checker } = parts;
  const { schedule, machine, random, faults } = stage;
  const clock = clockOf(schedule, life, machine);
  const log = silentLog(stage, life);
  const { db, raw, file } = registry.open(life);
  const guard = createGuard({
    file,
    freeBytes: () => Number.MAX_SAFE_INTEGER,
    makeRoom: () => false,
    onCommit: () => checkpointer.committed(),
  });
  const store = createRunStore(db, guard);
  const syncer = createSyncer(file, { ...registry.disk(life), later: clock.later });
  const checkpointer = createCheckpointer({
    db,
    file,
    clock,
    everyMs: 30_000,
    growBytes: walCapBytes / 4,
    capBytes: walCapBytes,
    onError: () => undefined,
  });
  const durability = createDurability({
    syncer,
    newest: store.lastPos(),
    clock,
    advanced(pos) {
      orchestrator.durable(pos);
      bus.wake();
    },
  });
  const { synced } = durability;
  const bus = createBusLink({
    url: null,
    owner: { id: 'sim', place: 'sim' },
    yard: 'sim',
    store,
    maxFileBytes: 0,
    durablePos: durability.pos,
    clock,
    log,
    server: parts.bus.server(life),
    reach: parts.bus.reach(life),
  });
  const { watched, real } = createExecutor(
    { ...parts, clock, log, synced },
    {
      onFact: (fact) => checker.fact(fact, () => supervisor.applyFact(fact)),
      onBeat: (beat) => beats.heard(beat),
      generation: (runId, attempt) => store.attempt(runId, attempt)?.generation ?? 0,
      nextGeneration: (runId, attempt) => store.nextGeneration(runId, attempt, machine.bootId()),
    },
  );
  const supervisor: Supervisor = createSupervisor({
    store,
    clock,
    log,
    machine: () => chart,
    yard: () => ({
      gpus: Array.from({ length: gpus }, (_, index) => ({
        id: `g${index}`,
        memoryMib: 0,
        shut: null,
        foreign: null,
      })),
      cpus: parallel,
      memoryMib: 0,
      limits: noLimits,
      drained: null,
    }),
    committed: ({ runId, pos, done }) => {
      durability.committed(pos);
      orchestrator.committed(runId, pos);
      if (done) {
        beats.forget(runId);
        checkpointer.ask('termination');
      }
      synced().catch(() => undefined);
    },
  });
  const planOf = (runId: string) => {
    const command = JSON.parse(store.run(runId)?.config ?? '{"command":[]}').command as string[];
    return stage.plans.get(command[1] ?? '');
  };
  const locksFree = async (files: readonly string[]): Promise<boolean> => {
    await passed(stage, life, random.next() * 3);
    return !files.some(machine.isLocked);
  };
  const chart = provideRun({
    clock,
    executor: watched,
    async preflight(runId) {
      checker.began('preflight', runId, null);
      const plan = planOf(runId);
      await passed(
        stage,
        life,
        plan?.preflight !== 'passes' ? random.int(2000) : random.next() * 4,
      );
      return plan?.preflight === 'fails' ? ['the working directory /exp does not exist'] : [];
    },
    lease({ runId, attempt }, slots) {
      checker.began('lease', runId, attempt);
      return store.lease(runId, attempt, slots, clock.iso());
    },
    async spec({ runId, attempt }) {
      checker.began('launch', runId, attempt);
      const row = store.run(runId);
      const config = JSON.parse(row?.config ?? '{}') as {
        command: string[];
        artifacts?: string[];
        stall_limit_s?: number;
        stop_when?: object[];
      };
      const slots = store.leases().filter((lease) => lease.run_id === runId);
      await passed(stage, life, random.next() * 3);
      return {
        runId,
        attempt,
        argv: config.command,
        cwd: '/exp',
        umask: 0o022,
        env: {},
        envUnset: [],
        isolate: false,
        artifacts: config.artifacts ?? [],
        artifactsMove: false,
        diskFloorBytes: 0,
        outputLimitBytes: 1 << 20,
        stallMs: config.stall_limit_s === undefined ? null : 1000 * config.stall_limit_s,
        killPatienceMs: 1000 * defaults.killPatienceS,
        stopWhen: config.stop_when ?? [],
        gpuLocks: slots.map(({ slot }) => lockFile(slot)),
      };
    },
    synced,
    leftoversMs: 1000 * defaults.killPatienceS,
    async locksFree({ runId, attempt }) {
      // What never had a process holds nothing, whoever else may have its GPU.
      if (neverRan(`/sim/runs/${runId}/attempts/${attempt}`, recordsOf(stage))) return true;
      const held = store.leases().filter((l) => l.run_id === runId && l.attempt === attempt);
      return locksFree(held.map(({ slot }) => lockFile(slot)));
    },
    async release({ runId, attempt, quarantine }) {
      checker.began('release', runId, attempt);
      if (quarantine) store.quarantine(runId, attempt, clock.iso());
      else store.releaseLeases(runId, attempt);
    },
  });
  const orchestrator: Orchestrator = createOrchestrator({
    // Nothing of it is simulated.
    supply: { gpus: () => [], setDrain: async () => null as never },
    readers: noReaders,
    bus: noBus,
    console: noConsole,
    removing: {
      remove: () => Promise.reject(new Error('not simulated')),
      removedAt: () => undefined,
    },
    retention: {
      artifacts: () => [],
      async *read() {},
      pin: async () => undefined,
      async *collect() {},
    },
    home: { root: '/sim' },
    store,
    inputs: { read: async () => Buffer.alloc(0) } as never,
    supervisor,
    clock,
    synced,
    newId: parts.newId,
    // Long before what the real one waits for: there are few runs here.
    async breath() {
      if (random.chance(0.4)) return false;
      await passed(stage, life, random.pick([1, 50, 400]) * random.next());
      return true;
    },
    defaults,
    heartbeat: (runId) => beats.last(runId),
    remember: () => undefined,
    health: () => null as never,
    admit: () => undefined,
    logs: () => null as never,
    metrics: () => null as never,
    async *metricKeys() {},
    shutdown: () => undefined,
    disk: {
      async foundProgram() {
        await passed(stage, life, random.next() * 2);
        return '/bin/train';
      },
      writeRunFiles: () => passed(stage, life, random.next() * 4),
    },
  });
  const beats = createBeats({
    store,
    tell: (runId, event) => supervisor.send(runId, event),
    clock,
    onError: () => undefined,
  });
  const tidying = createTidying({
    executor: real,
    store,
    isOver(runId, attempt) {
      const live = supervisor.attemptOf(runId);
      return live === null ? store.run(runId) !== undefined : attempt !== live;
    },
    ended: () => undefined,
    readmit: supervisor.readmit,
    locksFree,
    gpuLocks: '/locks',
    clock,
    log,
  });
  checker.opened(raw);
  mendLeases(store, clock.iso());
  supervisor.recover((row) => {
    if (row.state.startsWith('running.')) beats.expect(row.run_id);
  });
  tidying.start();
  faults.point(life, 'recovered');

  return {
    life,
    raw,
    orchestrator,
    supervisor,
    walBytes: checkpointer.walBytes,
    async close() {
      beats.close();
      tidying.close();
      supervisor.close();
      await real.close();
      await syncer.synced().catch(() => undefined);
      await bus.close(false);
      checkpointer.close();
    },
    reclaim: () => syncer.close(),
  };
}
