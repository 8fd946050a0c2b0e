/** One model of reasons: what works, what does not, and whether new runs are taken. */
import fs from 'node:fs';
import type { DaemonStatus, HealthReason, Recovery, Settings } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { DaemonEvent } from '../machines/index.ts';
import type { Checkpointer, Home, RunStore } from '../persistence/index.ts';
import type { KillScope } from '../processes/index.ts';
import type { BusLink } from './bus-link.ts';
import type { Gpu } from './gpus.ts';

export type HealthDeps = {
  settings: Settings;
  diskFloorBytes: number;
  home: Home;
  version: string;
  startedAt: string;
  store: RunStore;
  supervisor: () => { queued: number; live: number; slotsHeld: number };
  gpus: readonly Gpu[];
  bus: BusLink;
  checkpointer: Checkpointer;
  idleWorkers: () => number;
  tcp: () => string;
  state: () => string;
  recovery: () => Recovery;
  killScope: KillScope;
};

const watchMs = 1000;

export function createHealth(deps: HealthDeps) {
  const { settings, home, store, bus, gpus, checkpointer } = deps;

  const diskFree = (): number => {
    const { bavail, bsize } = fs.statfsSync(home.root);
    return bavail * bsize;
  };
  const diskReason = (): HealthReason | null => {
    const free = diskFree();
    if (free >= deps.diskFloorBytes) return null;
    const text = `only ${Math.floor(free / 2 ** 20)} MiB are free below ${home.root}; new runs are refused, live ones go on`;
    return { part: 'disk', severity: 'degraded', text, hint: 'free some space' };
  };
  const busReason = (): HealthReason | null => {
    const trouble = bus.trouble();
    if (trouble === null) return null;
    const text = `the bus is away (${trouble.slice(0, 200)}); runs go on, events wait`;
    return { part: 'bus', severity: 'degraded', text, hint: 'runyard doctor' };
  };
  const reasons = (): HealthReason[] =>
    [diskReason(), busReason()].filter((reason) => reason !== null);

  return {
    /** Throws when new runs are refused for now. */
    admit(): void {
      const reason = diskReason();
      if (reason !== null) throw new RunyardError('disk_full', reason.text);
    },
    status(): DaemonStatus {
      const found = reasons();
      const { queued, live, slotsHeld } = deps.supervisor();
      return {
        status: found.length === 0 ? 'ok' : 'degraded',
        reasons: found,
        yard: settings.yard,
        version: deps.version,
        pid: process.pid,
        started_at: deps.startedAt,
        home: home.root,
        socket: home.socket,
        tcp: deps.tcp(),
        bus_url: bus.url(),
        bus_connected: bus.connection() !== null,
        runs_queued: queued,
        runs_live: live,
        gpus_total: gpus.length,
        gpus_free: gpus.length - slotsHeld,
        wal_bytes: checkpointer.walBytes(),
        last_checkpoint: checkpointer.lastAt(),
        outbox_depth: store.outboxDepth(),
        disk_free_bytes: diskFree(),
        commit_ms_p99: 0,
        workers_idle: deps.idleWorkers(),
        state: deps.state(),
        parallel: settings.parallel,
        recovery: deps.recovery(),
        kill_scope: deps.killScope.scope,
        kill_scope_why: deps.killScope.why,
      };
    },
    /** Tells the daemon's chart when something fails or has healed. */
    watch(tell: (event: DaemonEvent) => void): () => void {
      let degraded = false;
      const timer = setInterval(() => {
        const now = reasons().length > 0;
        if (now !== degraded) tell({ type: now ? 'part.failed' : 'parts.healed' });
        degraded = now;
      }, watchMs);
      return () => clearInterval(timer);
    },
  };
}
