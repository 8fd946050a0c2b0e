/** The parts of a daemon that decide, as src/daemon/parts.ts wires them, before a simulated cluster. */
import { createSupervisor, provideRun, type Supervisor } from '../../src/actors/index.ts';
import { noLimits } from '../../src/allocator/index.ts';
import { createBeats } from '../../src/daemon/beats.ts';
import type { RunStore } from '../../src/persistence/index.ts';
import type { Clock, Logger } from '../../src/telemetry/index.ts';
import type { Cluster } from './scale-cluster.ts';

export type ScaleYard = {
  supervisor: Supervisor;
  ended(): number;
  /** Of the last decision, up to its first grant. */
  decisionMs(): number;
  /** `over`: so many have ended before. */
  recover(over: number): void;
  close(): void;
};

const said = { by: 'ana', reason: 'not yet' };
/** Events that the bus takes at once. */
const published = 500;

const loud = (_: object, text: string): void => {
  throw new Error(text);
};
const log = {
  debug: () => undefined,
  info: () => undefined,
  warn: loud,
  error: ({ err }: { err?: unknown }, text: string) => {
    throw new Error(text, { cause: err });
  },
} as unknown as Logger;

/** Of this thread alone: how long something took, whatever else the machine does. */
export function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

export function createYard(options: {
  store: RunStore;
  clock: Clock;
  cluster: Cluster;
  nodes: number;
  elsewhere: boolean;
  drained: () => boolean;
}): ScaleYard {
  const { store, clock, elsewhere, nodes } = options;
  let ended = 0;
  let unpublished = 0;
  let deciding: number | null = null;
  let decisionMs = 0;
  const gpus = Array.from({ length: elsewhere ? 0 : nodes }, (_, index) => ({
    id: `g${index}`,
    memoryMib: 0,
    shut: null,
    foreign: null,
  }));
  const decided = (): void => {
    if (deciding !== null) decisionMs = threadCpuMs() - deciding;
    deciding = null;
  };
  const timed: Clock = {
    ...clock,
    later: (act) =>
      clock.later(() => {
        act();
        decided();
      }),
  };
  const executor = options.cluster.executor({
    onFact(fact) {
      const taken = supervisor.applyFact(fact);
      if (supervisor.stateOf(fact.run_id) === 'running.live') beats.expect(fact.run_id);
      return taken;
    },
    onBeat(beat) {
      if (supervisor.stateOf(beat.runId) === 'running.live') beats.heard(beat);
    },
    generation: (runId, attempt) => store.attempt(runId, attempt)?.generation ?? 0,
    nextGeneration: (runId, attempt) => store.nextGeneration(runId, attempt, 'boot'),
  });
  const chart = provideRun({
    clock,
    executor,
    preflight: async () => [],
    async lease({ runId, attempt }, slots, signal) {
      if (!elsewhere) return store.lease(runId, attempt, slots, clock.iso());
      const granted = (await executor.allocate?.(runId, attempt, signal)) ?? [];
      return !signal.aborted && store.lease(runId, attempt, granted, clock.iso()) && granted;
    },
    spec: async ({ runId, attempt }) => ({ runId, attempt }) as never,
    // Several share one in the daemon (`npm run bench`); here nothing waits for a disk.
    synced: async () => undefined,
    leftoversMs: 60_000,
    locksFree: async () => true,
    async release({ runId, attempt }) {
      store.releaseLeases(runId, attempt);
    },
  });
  const supervisor = createSupervisor({
    store,
    clock: timed,
    log,
    machine: () => chart,
    yard() {
      deciding ??= threadCpuMs();
      return {
        gpus,
        cpus: 4,
        memoryMib: 0,
        limits: noLimits,
        drained: options.drained() ? said : null,
      };
    },
    committed({ runId, done, from, to }) {
      if (from === 'queued' && to.startsWith('allocating')) decided();
      if (done) {
        ended += 1;
        beats.forget(runId);
      }
      unpublished += 1;
      if (unpublished < published) return;
      unpublished = 0;
      store.outboxDone(store.lastPos());
    },
  });
  const beats = createBeats({
    store,
    tell: (runId, event) => supervisor.send(runId, event),
    clock,
    onError(error) {
      throw error;
    },
  });
  return {
    supervisor,
    ended: () => ended,
    decisionMs: () => decisionMs,
    recover(over) {
      ended = over;
      supervisor.recover((row) => {
        if (row.state.startsWith('running.')) beats.expect(row.run_id);
      });
    },
    close() {
      beats.close();
      supervisor.close();
    },
  };
}
