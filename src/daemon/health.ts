/** One model of reasons: what works, what does not, and whether new runs are taken. */
import type { GpuState } from '../allocator/index.ts';
import type { DaemonStatus, HealthReason, Recovery, Settings } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { DaemonEvent } from '../machines/index.ts';
import { type Fault, freeBytes, fullPercent, type Home } from '../persistence/index.ts';
import type { KillScope } from '../processes/index.ts';
import type { BusLink } from './bus-link.ts';
import type { Encryption } from './encryption.ts';
import type { Registry } from './registry.ts';

export type HealthDeps = {
  settings: Settings;
  diskFloorBytes: number;
  home: Home;
  version: string;
  startedAt: string;
  registry: Registry;
  supervisor: () => { queued: number; live: number };
  gpus: () => readonly GpuState[];
  /** What is wrong with the tools that tell of GPUs. */
  gpuTroubles: () => readonly string[];
  /** Why nothing new starts, as people said it; empty when it does. */
  drained: () => string;
  /** What hooks could not be told. */
  notifyTrouble: () => string | null;
  /** Why lines of the audit log are not in its file. */
  auditTrouble: () => string | null;
  tls: Pick<Encryption, 'trouble' | 'doors'>;
  /** Why Slurm does not answer, or null. */
  slurmTrouble: () => string | null;
  bus: BusLink;
  idleWorkers: () => number;
  tcp: () => string;
  console: () => { address: string; trouble: string | null };
  state: () => string;
  recovery: () => Recovery;
  killScope: KillScope;
  /** Tries again what has failed. */
  heal: () => void;
};

/** What the reasons are made of. */
export type Signs = {
  home: string;
  freeBytes: number;
  floorBytes: number;
  /** How full that disk is, in whole percents. */
  fullPercent?: number;
  registry: Fault | null;
  wal: string | null;
  bus: string | null;
  /** Where the bus is, when it is a server of somebody else. */
  externalBus?: string | null;
  gpus?: readonly string[];
  console?: string | null;
  notify?: string | null;
  audit?: string | null;
  tls?: string | null;
  slurm?: string | null;
};

const watchMs = 1000;

/** What is wrong, worst first. Empty: all is well. */
export function reasonsOf(signs: Signs): HealthReason[] {
  const { home, registry, wal, bus } = signs;
  const reasons: HealthReason[] = [];
  const add = (
    part: string,
    text: string,
    hint: string,
    more: Partial<Pick<HealthReason, 'severity' | 'refuses_runs'>> = {},
  ): void =>
    void reasons.push({ part, severity: 'degraded', text, hint, refuses_runs: false, ...more });
  if (registry !== null && registry.code !== 'disk_full') {
    const text = `${registry.text}; new runs are refused, live ones go on`;
    const severity = registry.lasting ? 'failed' : 'degraded';
    add('registry', text, 'look at the disk: dmesg', { severity, refuses_runs: true });
  }
  if (signs.freeBytes < signs.floorBytes || registry?.code === 'disk_full') {
    const mib = Math.floor(signs.freeBytes / 2 ** 20);
    const full = signs.fullPercent === undefined ? '' : ` (${signs.fullPercent} % full)`;
    const text = `only ${mib} MiB are free below ${home}${full}; new runs are refused, live ones go on`;
    add('disk', text, 'free some space', { refuses_runs: true });
  }
  if (wal !== null) add('registry', wal, 'end that program');
  if (bus !== null) {
    const theirs = signs.externalBus ?? null;
    const which = theirs === null ? 'the bus' : `the bus at ${theirs}`;
    const text = `${which} does not work (${bus.slice(0, 300)}); runs go on, events wait`;
    const hint = theirs === null ? 'runyard doctor' : 'see RUNYARD_NATS_URL and that server';
    add('bus', text, hint);
  }
  if (signs.slurm)
    add(
      'slurm',
      `Slurm does not answer (${signs.slurm.slice(0, 300)}); jobs that run go on, new ones wait`,
      'runyard doctor',
    );
  for (const trouble of signs.gpus ?? []) add('gpus', trouble, 'runyard gpus');
  if (signs.console)
    add('console', signs.console, 'set console_listen to another address, or to off');
  if (signs.notify) add('notify', signs.notify, 'runyard notify test');
  if (signs.tls)
    add(
      'tls',
      signs.tls,
      'renew the files of tls_cert and tls_key; they are read again by themselves',
    );
  if (signs.audit)
    add(
      'audit',
      `the audit log cannot be written: ${signs.audit}; calls are answered all the same`,
      `look at ${home}/audit.jsonl`,
    );
  return reasons;
}

function isFree({ shut, foreign, holdings }: GpuState): boolean {
  return shut === null && foreign === null && holdings.length === 0;
}

export function createHealth(deps: HealthDeps) {
  const { settings, home, registry, bus } = deps;

  const reasons = (): HealthReason[] =>
    reasonsOf({
      home: home.root,
      freeBytes: freeBytes(home.root),
      floorBytes: deps.diskFloorBytes,
      fullPercent: fullPercent(home.root),
      registry: registry.fault(),
      wal: registry.checkpointer.trouble(),
      bus: bus.trouble(),
      externalBus: bus.external ? bus.url() : null,
      gpus: deps.gpuTroubles(),
      console: deps.console().trouble,
      notify: deps.notifyTrouble(),
      audit: deps.auditTrouble(),
      tls: deps.tls.trouble(),
      slurm: deps.slurmTrouble(),
    });

  /** Why nothing new is taken or started now. */
  const refusal = (): RunyardError | null => {
    const fault = registry.fault();
    const signs = { home: home.root, floorBytes: deps.diskFloorBytes, registry: fault };
    const [first] = reasonsOf({ ...signs, freeBytes: freeBytes(home.root), wal: null, bus: null });
    if (first === undefined) return null;
    const code = first.part === 'disk' ? 'disk_full' : (fault?.code ?? 'registry_unavailable');
    return new RunyardError(code, first.text);
  };

  const outboxDepth = (): number => {
    try {
      return registry.store.outboxDepth();
    } catch {
      // The reasons say that it cannot be read.
      return 0;
    }
  };

  return {
    /** Throws when new runs are refused for now. */
    admit(): void {
      const error = refusal();
      if (error !== null) throw error;
    },
    /** Why waiting runs are not started for now, or null. */
    hold: (): string | null => refusal()?.message ?? null,
    status(): DaemonStatus {
      const found = reasons();
      const { queued, live } = deps.supervisor();
      const gpus = deps.gpus();
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
        console: deps.console().address,
        bus_url: bus.url(),
        bus_connected: bus.connection() !== null,
        bus_external: bus.external,
        runs_queued: queued,
        runs_live: live,
        gpus_total: gpus.length,
        gpus_free: gpus.filter(isFree).length,
        wal_bytes: registry.checkpointer.walBytes(),
        last_checkpoint: registry.checkpointer.lastAt(),
        outbox_depth: outboxDepth(),
        disk_free_bytes: freeBytes(home.root),
        commit_ms_p99: registry.commitMsP99(),
        workers_idle: deps.idleWorkers(),
        state: deps.state(),
        parallel: settings.parallel,
        recovery: deps.recovery(),
        kill_scope: deps.killScope.scope,
        kill_scope_why: deps.killScope.why,
        drained: deps.drained(),
        tls: deps.tls.doors(),
      };
    },
    /** Tells the daemon's chart when something fails or has healed. */
    watch(tell: (event: DaemonEvent) => void): () => void {
      let degraded = false;
      const timer = setInterval(() => {
        deps.heal();
        const now = reasons().length > 0;
        if (now !== degraded) tell({ type: now ? 'part.failed' : 'parts.healed' });
        degraded = now;
      }, watchMs);
      return () => clearInterval(timer);
    },
  };
}
