/** Builds the parts of the daemon and wires them, in the order of a start. */
import crypto from 'node:crypto';
import {
  createHash,
  createOrchestrator,
  createSupervisor,
  type Orchestrator,
  preflight,
  programPath,
  type Supervisor,
} from '../actors/index.ts';
import { headlineOf, type Settings } from '../contracts/index.ts';
import { findRecorder } from '../executors/index.ts';
import { failpoint } from '../failpoints.ts';
import type { DaemonEvent } from '../machines/index.ts';
import {
  createDurability,
  createInputStore,
  type Db,
  type Home,
  refuseLostRegistry,
} from '../persistence/index.ts';
import { killScope } from '../processes/index.ts';
import { type Logger, otlpOptions, systemClock } from '../telemetry/index.ts';
import { streamStates } from '../transport/nats/index.ts';
import { openAudit } from './audit.ts';
import { createBeats } from './beats.ts';
import { openBus } from './bus-parts.ts';
import { watchWallClock } from './clock-watch.ts';
import { createConsole } from './console/index.ts';
import { createDoors } from './doors.ts';
import { openEncryption } from './encryption.ts';
import { noteEnding } from './endpoint.ts';
import { createExecuting } from './executing.ts';
import { createFigures, type Figures } from './figures/index.ts';
import { createGpuParts } from './gpu-parts.ts';
import { locksFree } from './gpus.ts';
import { createHealth } from './health.ts';
import { createKeeping } from './keeping.ts';
import { createMemoirs } from './memoirs.ts';
import { createNotifying } from './notify/index.ts';
import { createReading } from './reading.ts';
import { rebuildRegistry, rebuiltText } from './rebuild.ts';
import { createRecoveryLog } from './recovery.ts';
import { openRegistry } from './registry.ts';
import { createRemoving } from './removing.ts';
import { createRunChart } from './run-chart.ts';
import { createRunInputs } from './run-inputs.ts';
import { createSecretKeeper } from './secrets.ts';
import { createTelemetryService } from './telemetry/index.ts';
import { createTemps } from './temps.ts';
import { createTidying, mendLeases } from './tidying.ts';
import { createTraceService } from './traces/index.ts';

export type DaemonOptions = {
  settings: Settings;
  env: NodeJS.ProcessEnv;
  version: string;
  /** The checkout or package that runs. */
  checkout: string;
  /** The command that runs `runyard`. */
  command: readonly string[];
  /** Remake the registry from the run directories first. */
  rebuildRegistry?: boolean;
  onReady?: (about: { socket: string; tcp: string }) => void;
  /** Opens the registry's database; another one where a test wants it to fail. */
  openDatabase?: (file: string) => Db;
};

/** How long a start waits for what the tools say of GPUs. */
const gpuPatienceMs = 3000;
const idAlphabet = 'abcdefghijklmnopqrstuvwxyz234567';

export type Parts = {
  recover(): number;
  serve(): Promise<void>;
  watchHealth(tell: (event: DaemonEvent) => void): () => void;
  /** How it is, in one line. */
  headline(): string;
  noteState(state: string, error: unknown): void;
  close(keepBus: boolean): Promise<void>;
};

export async function openParts(
  options: DaemonOptions,
  home: Home,
  log: Logger,
  stop: (how: { keepBus: boolean }) => void,
): Promise<Parts> {
  const { settings, env } = options;
  const clock = systemClock();
  const diskFloorBytes = settings.disk_floor_mib * 2 ** 20;
  const recorder = findRecorder(options);
  const rebuilt =
    options.rebuildRegistry === true ? rebuildRegistry({ home, settings, clock, log }) : null;
  refuseLostRegistry(home.registry, home.runs);
  let figures: Figures | null = null;
  const registry = openRegistry({
    home,
    clock,
    log,
    onCommit: (ms) => figures?.commit(ms),
    onCheckpoint: (cause, ms) => figures?.checkpoint(cause, ms),
    ...(options.openDatabase === undefined ? {} : { open: options.openDatabase }),
  });
  const { store, removals } = registry;
  const inputs = createInputStore(home.inputs);
  const runInputs = createRunInputs(store, home);
  const secrets = createSecretKeeper(home, inputs, log);
  const recovery = createRecoveryLog({
    root: home.root,
    at: clock.iso(),
    rebuilt: rebuilt === null ? null : { text: rebuiltText(rebuilt), kept: rebuilt.kept },
    log,
  });
  const temps = createTemps({ root: home.root, log });
  const memoirs = createMemoirs({ root: home.root, store, log });
  const durability = createDurability({
    syncer: registry,
    newest: store.lastPos(),
    clock,
    advanced(pos) {
      orchestrator.durable(pos);
      bus.wake();
      traces.durable(pos);
      notifying.wake();
    },
  });
  const { synced } = durability;
  const { inventory, locks, supply, strays, breaker } = createGpuParts({
    settings,
    env,
    home,
    store,
    supervisor: () => supervisor,
    stop: (run, reason) => orchestrator.stop({ run, reason, user: 'runyard', now: false }),
    synced,
    clock,
    log,
  });
  const keeping = createKeeping({
    home,
    store,
    settings,
    clock,
    log,
    synced,
    changed: memoirs.done,
  });
  const removing = createRemoving({
    home,
    store,
    removals,
    iso: clock.iso,
    log,
    synced,
    removed(tombstone) {
      durability.committed(tombstone.pos);
      orchestrator.committed(tombstone.run_id, tombstone.pos);
      purging.add(tombstone);
      synced().catch((error) => log.error({ err: error }, 'sync failed'));
    },
  });
  const audit = openAudit({ root: home.root, version: options.version, clock, log });
  const tls = await openEncryption(settings, clock, log);
  const webConsole = createConsole({
    ...options,
    home,
    audit,
    tls,
    figures: () => measured.text(),
    clock,
    log,
  });
  const doors = createDoors({
    ...settings,
    home,
    version: options.version,
    console: webConsole,
    audit,
    tls,
    log,
  });
  let state = 'opening';
  let stopFigures: () => void = () => undefined;
  let swept: Promise<number> = Promise.resolve(0);
  let closed = false;
  let forgetClock: () => void = () => undefined;

  const telemetry = createTelemetryService({
    root: home.root,
    yard: settings.yard,
    floorBytes: diskFloorBytes,
    store: registry.metrics,
    clock,
    log,
  });
  const otlp = otlpOptions(settings, env);
  for (const why of otlp.troubles) log.warn({ why }, 'a setting of OTLP could not be used');
  const traces = createTraceService({
    targets: otlp.targets,
    about: { yard: settings.yard, version: options.version, asked: otlp.attributes },
    registry: home.registry,
    store,
    durablePos: durability.pos,
    backlogMost: settings.otlp_backlog,
    ageMostMs: settings.otlp_max_age_h * 3_600_000,
    clock,
    log,
  });
  const { bus, workers, minting, purging, readers, metricBus, busSeen } = openBus({
    ...options,
    home,
    clock,
    log,
    store,
    removals,
    durablePos: durability.pos,
    joined: (where) => {
      telemetry.bus(where);
      slurm.joined(where);
    },
  });

  const { executor, slurm } = createExecuting({
    settings,
    env,
    command: options.command,
    recorder,
    home,
    store,
    runInputs,
    bus,
    minting,
    workers,
    supervisor: () => supervisor,
    beats: () => beats,
    locks,
    isOver: (runId, attempt) => isOver(runId, attempt),
    synced,
    clock,
    log,
  });

  const supervisor: Supervisor = createSupervisor({
    store,
    clock,
    log,
    machine: () => machine,
    yard: () => supply.yard(),
    hold: () => health.hold(),
    committed: ({ runId, pos, done, retried, ...step }) => {
      figures?.step({ runId, ...step });
      durability.committed(pos);
      if (step.to.startsWith('allocating')) minting.want(runId);
      orchestrator.committed(runId, pos);
      if (retried !== null) memoirs.retried(runId, retried);
      if (done) {
        beats.forget(runId);
        memoirs.done(runId);
        secrets.forget(runId);
        registry.checkpointer.ask('termination');
      }
      synced().catch((error) => log.error({ err: error }, 'sync failed'));
    },
  });

  const notifying = createNotifying({
    root: home.root,
    settings,
    env,
    store,
    durablePos: durability.pos,
    why: (runId) => supervisor.why(runId),
    clock,
    log,
  });

  const machine = createRunChart({
    env,
    settings,
    home,
    recorder,
    clock,
    executor,
    store,
    runInputs,
    temps,
    locks,
    hash: createHash(),
    breaker,
    usedElsewhere: supply.usedElsewhere,
    isElsewhere: slurm.isElsewhere,
    isCheckedHere: slurm.isCheckedHere,
    synced,
  });

  const health = createHealth({
    settings,
    diskFloorBytes,
    home,
    version: options.version,
    startedAt: clock.iso(),
    registry,
    supervisor: () => supervisor.counts(),
    gpus: () => supervisor.gpus(),
    gpuTroubles: () => [
      ...supply.asides(),
      ...supply.sick(),
      ...strays.troubles(),
      ...inventory.troubles(),
      ...(locks.trouble === null ? [] : [locks.trouble]),
    ],
    drained: supply.drained,
    notifyTrouble: notifying.trouble,
    auditTrouble: audit.trouble,
    tls,
    slurmTrouble: slurm.executor.trouble,
    bus,
    idleWorkers: () => executor.idle(),
    tcp: doors.tcp,
    console: () => ({ address: webConsole.address(), trouble: webConsole.trouble() }),
    state: () => state,
    recovery: recovery.report,
    killScope: killScope(settings.cgroup),
    heal: () => {
      registry.heal();
      if (registry.fault() !== null) synced().catch(() => undefined);
    },
  });

  const measured = createFigures({
    root: home.root,
    store,
    clock,
    log,
    version: options.version,
    yard: settings.yard,
    parallel: settings.parallel,
    status: () => health.status(),
    gpus: () => supervisor.gpus(),
    workers: () => ({ idle: executor.idle(), all: executor.workers() }),
    traces: traces.figures,
    position: () => registry.metrics.position(),
    lostPoints: telemetry.missing,
    streams: async () => {
      const connection = bus.connection();
      return connection === null ? [] : streamStates(connection, settings.yard);
    },
  });
  figures = measured;

  const reading = createReading({
    root: home.root,
    store,
    metrics: registry.metrics,
    bus: metricBus,
    attemptOf: supervisor.attemptOf,
    clock,
  });
  const orchestrator: Orchestrator = createOrchestrator({
    home,
    store,
    inputs,
    supervisor,
    clock,
    synced,
    newId: () => newRunId(store.run),
    defaults: { graceS: settings.grace_s, killPatienceS: settings.kill_patience_s },
    heartbeat: (runId) => beats.last(runId),
    remember: runInputs.remember,
    recall: runInputs.recall,
    health: () => health.status(),
    admit: () => health.admit(),
    ...reading,
    shutdown: stop,
    retention: keeping,
    supply,
    hooks: settings.notify.flatMap(({ name }) => name ?? []),
    preflight: async (config, submitted, program) =>
      preflight({
        program,
        config,
        searchPath: programPath(config, submitted),
        home: home.root,
        diskFloorBytes,
        hash: null,
      }),
    readers,
    bus: busSeen,
    console: webConsole.port,
    removing: { remove: removing.remove, removedAt: removals.removedAt },
    strayed: strays.why,
    placed: slurm.placed,
    isCheckedHere: slurm.isCheckedHere,
    placeWhy: (runId, attempt) => executor.why?.(runId, attempt) ?? '',
    stopAsked: memoirs.stopAsked,
  });

  const beats = createBeats({
    store,
    tell: (runId, event) => supervisor.send(runId, event),
    clock,
    onError: (error) => log.error({ err: error }, 'heartbeat could not be stored'),
  });
  const isOver = (runId: string, attempt: number): boolean => {
    const live = supervisor.attemptOf(runId);
    // What the registry does not know was not ended by it.
    return live === null ? store.run(runId) !== undefined : attempt !== live;
  };
  const tidying = createTidying({
    executor,
    store,
    isOver,
    ended: (processes) => {
      if (processes > 0) log.warn({ processes }, 'processes of runs that are over were ended');
      recovery.note({ processes_ended: processes });
    },
    readmit: supervisor.readmit,
    pruneTemps: () => temps.sweep(isOver),
    locksFree: (files) => locksFree(recorder, files),
    gpuLocks: locks.dir,
    clock,
    log,
  });

  // What the tools say in time is known from the first decision on; nobody waits for a driver in trouble.
  await Promise.race([inventory.refresh(), pause(gpuPatienceMs)]);
  failpoint('daemon.opened');
  return {
    recover() {
      removing.recover();
      recovery.note({ leases_mended: mendLeases(store, clock.iso()) });
      const runs = supervisor.recover((row) => {
        recovery.saw(row);
        measured.found(row.state);
        if (row.state.startsWith('running.')) beats.expect(row.run_id);
      });
      failpoint('daemon.recovered');
      swept = secrets.sweep(
        (runId) => supervisor.stateOf(runId) === null,
        (runId) => store.run(runId) !== undefined,
      );
      return runs;
    },
    async serve() {
      options.onReady?.(await doors.open(orchestrator));
      audit.started(rebuilt !== null);
      // Only now: it searches the whole machine, and nobody has to wait for it.
      setImmediate(async () => {
        if (closed) return;
        tidying.start();
        keeping.start();
        inventory.start();
        readers.start();
        telemetry.start();
        traces.start();
        if (otlp.targets.metrics !== null)
          stopFigures = measured.each(otlp.metricsEveryMs, traces.measured);
        notifying.start();
        forgetClock = watchWallClock(clock, log);
        recovery.note({ unknown_dirs: await swept, temp_pruned: await temps.sweep(isOver) });
        recovery.tell();
      });
    },
    watchHealth: (tell) => health.watch(tell),
    headline: () => headlineOf(health.status()),
    noteState(value, error) {
      state = value.replaceAll(/[{}"]/g, '').replace(':', '.');
      if (error !== null) log.error({ err: error }, 'daemon is closing');
    },
    async close(keepBus) {
      closed = true;
      beats.close();
      tidying.close();
      keeping.close();
      inventory.close();
      readers.close();
      purging.close();
      stopFigures();
      forgetClock();
      tls.close();
      const { live } = supervisor.counts();
      noteEnding(home);
      await doors.close();
      await audit.stopped(live);
      supervisor.close();
      await Promise.all([executor.close(), slurm.close()]);
      await Promise.all([telemetry.close(), notifying.close()]);
      await registry.synced().catch(() => undefined);
      await traces.close();
      await registry.synced().catch(() => undefined);
      // Workers of live runs publish on.
      await minting.close();
      await bus.close(!keepBus && live === 0);
      registry.close();
      log.info({ live }, 'daemon stopped');
    },
  };
}

function newRunId(exists: (runId: string) => unknown): string {
  for (;;) {
    const id = [...crypto.randomBytes(8)].map((byte) => idAlphabet[byte % 32]).join('');
    if (exists(id) === undefined) return id;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
