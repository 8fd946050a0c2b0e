/** The composition root: builds the parts, wires them, and lives by the daemon's chart. */
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createActor, fromCallback } from 'xstate';
import {
  createOrchestrator,
  createSupervisor,
  envOf,
  envUnset,
  type Orchestrator,
  preflight,
  provideRun,
  type Supervisor,
  trainerEnv,
} from './actors/index.ts';
import type { Settings, TrainRunConfig } from './contracts/index.ts';
import { createBusLink } from './daemon/bus-link.ts';
import { findGpus, type Gpu } from './daemon/gpus.ts';
import { createHealth } from './daemon/health.ts';
import { streamLogs, streamMetrics } from './daemon/output.ts';
import { createSecretKeeper } from './daemon/secrets.ts';
import { messageOf, RunyardError } from './errors.ts';
import { type AttemptSpec, createLocalExecutor, type Executor } from './executors/index.ts';
import { type AttemptInput, type DaemonEvent, daemonMachine } from './machines/index.ts';
import {
  createCheckpointer,
  createInputStore,
  createRunStore,
  createSyncer,
  type Home,
  openDatabase,
  openHome,
  socketPath,
  takeDaemonLock,
} from './persistence/index.ts';
import { bootId, identityOf, runDir, runFiles, writeAtomic } from './rundir/index.ts';
import { createLogger, type Logger, systemClock } from './telemetry/index.ts';
import { type GrpcServer, startGrpcServer } from './transport/grpc/index.ts';
import { createBusServer, findNatsServer } from './transport/nats/index.ts';

export type DaemonOptions = {
  settings: Settings;
  env: NodeJS.ProcessEnv;
  version: string;
  /** The checkout or package that runs. */
  checkout: string;
  /** The command that runs `runyard`. */
  command: readonly string[];
  onReady?: (about: { socket: string; tcp: string }) => void;
};

const walCapBytes = 64 * 2 ** 20;
const checkpointEveryMs = 30_000;
const heartbeatStoreMs = 5000;
const silentAfterMs = 10_000;
const idAlphabet = 'abcdefghijklmnopqrstuvwxyz234567';

/** Runs a daemon until it is told to stop. Throws daemon_already_running and what opening may throw. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  // Whatever is created is private to the user.
  process.umask(0o077);
  const home = openHome(options.settings.home);
  const lock = takeDaemonLock(home.lock);
  if (lock === null) throw await alreadyRunning(home);
  const log = createLogger('runyard', { level: options.env.RUNYARD_LOG ?? 'info' });
  try {
    await live(options, home, log);
  } finally {
    lock.release();
  }
}

async function live(options: DaemonOptions, home: Home, log: Logger): Promise<void> {
  let parts: Parts | null = null;
  let keepBus = false;
  const step = (act: () => Promise<DaemonEvent>) =>
    fromCallback<DaemonEvent>(({ sendBack }) => {
      act().then(sendBack, (error) => sendBack({ type: 'effect.failed', error }));
    });
  const stop = (how: { keepBus: boolean }): void => {
    keepBus = how.keepBus;
    actor.send({ type: 'daemon.stop' });
  };
  const actor = createActor(
    daemonMachine.provide({
      actors: {
        open: step(async () => {
          parts = await openParts(options, home, log, stop);
          return { type: 'registry.opened' };
        }),
        recover: step(async () => {
          const runs = parts?.recover() ?? 0;
          log.info({ runs }, 'unfinished runs taken up');
          return { type: 'runs.recovered' };
        }),
        serve: fromCallback<DaemonEvent>(({ sendBack }) => {
          parts?.serve().catch((error) => sendBack({ type: 'effect.failed', error }));
          return parts?.watchHealth((event) => sendBack(event));
        }),
        close: step(async () => {
          await parts?.close(keepBus);
          return { type: 'daemon.closed' };
        }),
      },
    }),
  );
  const closed = new Promise<unknown>((resolve) => {
    actor.subscribe({
      next: ({ context }) =>
        parts?.noteState(String(JSON.stringify(actor.getSnapshot().value)), context.error),
      complete: () => resolve(actor.getSnapshot().context.error),
      error: resolve,
    });
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Somebody ends the daemon, not the runs: they go on, and so does the bus.
    process.on(signal, () => stop({ keepBus: true }));
  }
  actor.start();
  const error = await closed;
  if (error !== null && error !== undefined) throw error;
}

type Parts = {
  recover(): number;
  serve(): Promise<void>;
  watchHealth(tell: (event: DaemonEvent) => void): () => void;
  noteState(state: string, error: unknown): void;
  close(keepBus: boolean): Promise<void>;
};

async function openParts(
  options: DaemonOptions,
  home: Home,
  log: Logger,
  stop: (how: { keepBus: boolean }) => void,
): Promise<Parts> {
  const { settings, env } = options;
  const clock = systemClock();
  const warmWorkers = settings.warm_workers;
  const diskFloorBytes = settings.disk_floor_mib * 2 ** 20;
  const recorder = findRecorder(options);
  const gpus = await findGpus(settings.gpus);
  const db = openDatabase(home.registry);
  const store = createRunStore(db);
  const syncer = createSyncer(home.registry);
  const inputs = createInputStore(home.inputs);
  const secrets = createSecretKeeper(home, inputs, log);
  const checkpointer = createCheckpointer({
    db,
    file: home.registry,
    now: () => new Date(),
    everyMs: checkpointEveryMs,
    capBytes: walCapBytes,
    onError: (error) => log.error({ err: error }, 'checkpoint failed'),
  });
  let durablePos = store.lastPos();
  let committedPos = durablePos;
  const beats = new Map<
    string,
    { at: string; atMs: number; lastMetric: string | null; silent: boolean }
  >();
  const token = loadToken(home.tokenFile);
  let server: GrpcServer | null = null;
  let state = 'opening';

  const natsUrl = env.RUNYARD_NATS_URL || null;
  const maxFileBytes = busLimit(home.root, settings.bus_limit_mib);
  const bus = createBusLink({
    url: natsUrl,
    yard: settings.yard,
    store,
    maxFileBytes,
    durablePos: () => durablePos,
    log,
    server: async () => {
      if (natsUrl !== null) return null;
      const binary = await findNatsServer({
        home: home.root,
        checkout: options.checkout,
        env,
        progress: (text) => log.info({}, text),
      });
      return createBusServer({ dir: home.bus, yard: settings.yard, binary, maxFileBytes, log });
    },
  });

  const synced = async (): Promise<void> => {
    const pos = committedPos;
    await syncer.synced();
    if (pos <= durablePos) return;
    durablePos = pos;
    orchestrator.durable(pos);
    bus.wake();
  };

  const executor: Executor = createLocalExecutor(
    {
      home,
      yard: settings.yard,
      command: options.command,
      recorder,
      bus: {
        addressFile: path.join(home.bus, 'address.json'),
        credentialsFile: path.join(home.bus, 'credentials.json'),
        url: natsUrl,
      },
      warm: warmWorkers,
      most: Math.max(warmWorkers, settings.parallel),
      synced,
      socketPath,
      log,
    },
    {
      onFact: (fact) => supervisor.applyFact(fact),
      onBeat: ({ runId, at, lastMetric }) => {
        const silent = beats.get(runId)?.silent === true;
        beats.set(runId, { at, atMs: Date.now(), lastMetric, silent: false });
        if (silent) supervisor.send(runId, { type: 'worker.heard' });
      },
      generation: (runId, attempt) => store.attempt(runId, attempt)?.generation ?? 0,
      nextGeneration: (runId, attempt) => store.nextGeneration(runId, attempt, bootId()),
    },
  );

  const supervisor: Supervisor = createSupervisor({
    store,
    clock,
    log,
    machine: () => machine,
    slots: () => gpus,
    parallel: settings.parallel,
    committed: ({ runId, pos, done }) => {
      committedPos = pos;
      orchestrator.committed(runId, pos);
      if (done) {
        beats.delete(runId);
        secrets.forget(runId);
        checkpointer.ask('termination');
      }
      synced().catch((error) => log.error({ err: error }, 'sync failed'));
    },
  });

  const machine = provideRun({
    clock,
    executor,
    preflight: async (runId) => {
      const { config, submitted } = await runInputs(store, home, runId);
      return preflight({
        program: config.command[0] ?? '',
        cwd: config.cwd ?? '/',
        searchPath: config.env?.PATH ?? submitted.PATH ?? env.PATH ?? '',
        home: home.root,
        diskFloorBytes,
      });
    },
    lease: ({ runId, attempt }, slots) => store.lease(runId, attempt, slots, clock.iso()),
    spec: (input) => attemptSpec({ input, store, home, settings, gpus }),
    release: async ({ runId, attempt }) => {
      store.releaseLeases(runId, attempt);
    },
  });

  const health = createHealth({
    settings,
    diskFloorBytes,
    home,
    version: options.version,
    startedAt: clock.iso(),
    store,
    supervisor: () => supervisor.counts(),
    gpus,
    bus,
    checkpointer,
    idleWorkers: () => executor.idle(),
    tcp: () => server?.tcp ?? '',
    state: () => state,
  });

  const over = (runId: string) => (): boolean => supervisor.stateOf(runId) === null;
  const orchestrator: Orchestrator = createOrchestrator({
    home,
    store,
    inputs,
    supervisor,
    clock,
    synced,
    newId: () => newRunId(store.run),
    defaults: { graceS: settings.grace_s },
    heartbeat: (runId) => beats.get(runId) ?? null,
    health: () => health.status(),
    admit: () => health.admit(),
    logs: (which, request, signal) =>
      streamLogs({ home: home.root, which, request, over: over(which.runId), signal }),
    metrics: (which, request, signal) =>
      streamMetrics({
        nc: bus.connection(),
        yard: settings.yard,
        which,
        request,
        over: over(which.runId),
        signal,
      }),
    shutdown: stop,
  });

  const heartbeats = setInterval(() => {
    const now = Date.now();
    for (const [runId, beat] of beats) {
      store.setHeartbeat(runId, beat.at, beat.lastMetric);
      if (beat.silent || now - beat.atMs < silentAfterMs) continue;
      beat.silent = true;
      supervisor.send(runId, { type: 'worker.silent' });
    }
  }, heartbeatStoreMs);

  return {
    recover() {
      const runs = supervisor.recover();
      secrets.sweep((runId) => supervisor.stateOf(runId) === null);
      return runs;
    },
    async serve() {
      const { listen } = settings;
      const kept = readTcp(home.daemonFile);
      // An address that was not chosen stays the same over restarts while it can.
      const wanted = listen.endsWith(':0') && kept !== null ? [kept, listen] : [listen];
      server = await firstOf(wanted, (address) =>
        startGrpcServer({
          port: orchestrator,
          socketPath: home.socket,
          listen: address,
          token,
          log,
        }),
      );
      const about = {
        ...identityOf(process.pid),
        yard: settings.yard,
        version: options.version,
        socket: home.socket,
        tcp: server.tcp,
        token_file: home.tokenFile,
      };
      writeAtomic(home.daemonFile, JSON.stringify(about), { mode: 0o600 });
      log.info({ socket: home.socket, tcp: server.tcp }, 'serving');
      options.onReady?.({ socket: home.socket, tcp: server.tcp });
    },
    watchHealth: (tell) => health.watch(tell),
    noteState(value, error) {
      state = value.replaceAll(/[{}"]/g, '').replace(':', '.');
      if (error !== null) log.error({ err: error }, 'daemon is closing');
    },
    async close(keepBus) {
      clearInterval(heartbeats);
      const { live } = supervisor.counts();
      await server?.close();
      supervisor.close();
      await executor.close();
      await syncer.synced().catch(() => undefined);
      // Workers of live runs publish on.
      await bus.close(!keepBus && live === 0);
      checkpointer.close();
      syncer.close();
      db.close();
      log.info({ live }, 'daemon stopped');
    },
  };
}

async function attemptSpec(from: {
  input: AttemptInput;
  store: ReturnType<typeof createRunStore>;
  home: Home;
  settings: Settings;
  gpus: readonly Gpu[];
}): Promise<AttemptSpec> {
  const { input, store, home, settings } = from;
  const { runId, attempt } = input;
  const { config, submitted, traceId } = await runInputs(store, home, runId);
  const slots = store
    .leases()
    .filter((lease) => lease.run_id === runId)
    .map((lease) => lease.slot);
  fs.mkdirSync(home.gpuLocks, { recursive: true, mode: 0o700 });
  return {
    runId,
    attempt,
    argv: config.command,
    cwd: config.cwd ?? '/',
    umask: config.umask === undefined ? 0o022 : Number.parseInt(config.umask, 8),
    env: trainerEnv({
      submitted,
      configured: config.env ?? {},
      slots,
      parallel: settings.parallel,
      traceId,
      runId,
      attempt,
    }),
    envUnset,
    isolate: config.isolate ?? false,
    artifacts: config.artifacts ?? [],
    outputLimitBytes: (config.output_limit_mib ?? settings.output_limit_mib) * 2 ** 20,
    gpuLocks: slots.map((slot) => path.join(home.gpuLocks, `${slot}.lock`)),
  };
}

async function runInputs(store: ReturnType<typeof createRunStore>, home: Home, runId: string) {
  const row = store.run(runId);
  if (row === undefined) throw new RunyardError('run_not_found', `there is no run ${runId}`);
  const file = path.join(runDir(home.root, runId), runFiles.env);
  const data = await fs.promises.readFile(file).catch(() => null);
  return {
    config: JSON.parse(row.config) as TrainRunConfig,
    submitted: envOf(data),
    traceId: row.trace_id,
  };
}

function findRecorder(options: DaemonOptions): string {
  const { env, checkout } = options;
  const candidates = [
    ...(env.RUNYARD_RECORDER === undefined ? [] : [env.RUNYARD_RECORDER]),
    path.join(checkout, '.cache', 'bin', 'recorder'),
  ];
  const found = candidates.find((file) => fs.existsSync(file));
  if (found !== undefined) return found;
  throw new RunyardError(
    'recorder_missing',
    `the recorder was not found at ${candidates.join(' or ')}; build it: sh scripts/setup.sh`,
  );
}

async function alreadyRunning(home: Home): Promise<RunyardError> {
  // The winner may not have written its address yet.
  const deadline = Date.now() + 2000;
  for (;;) {
    try {
      const { pid, tcp } = JSON.parse(fs.readFileSync(home.daemonFile, 'utf8')) as {
        pid: number;
        tcp: string;
      };
      const text = `a daemon runs already for ${home.root}: pid ${pid}, endpoint unix:${home.socket} and ${tcp}`;
      return new RunyardError('daemon_already_running', text);
    } catch (cause) {
      if (Date.now() > deadline) {
        const text = `a daemon is starting for ${home.root}`;
        return new RunyardError('daemon_already_running', text, { cause });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function loadToken(file: string): string {
  if (!fs.existsSync(file)) {
    writeAtomic(file, crypto.randomBytes(32).toString('hex'), { mode: 0o600 });
  }
  return fs.readFileSync(file, 'utf8').trim();
}

function readTcp(file: string): string | null {
  try {
    return (JSON.parse(fs.readFileSync(file, 'utf8')) as { tcp: string }).tcp;
  } catch {
    return null;
  }
}

async function firstOf<T>(
  wanted: readonly string[],
  attempt: (address: string) => Promise<T>,
): Promise<T> {
  let error: unknown;
  for (const address of wanted) {
    try {
      return await attempt(address);
    } catch (cause) {
      error = cause;
    }
  }
  throw error instanceof Error ? error : new Error(messageOf(error));
}

/** Below the free disk: a stream on a full disk stays dead until its server restarts. */
function busLimit(root: string, limitMib: number): number {
  const { bavail, bsize } = fs.statfsSync(root);
  return Math.max(32 * 2 ** 20, Math.min(limitMib * 2 ** 20, (bavail * bsize) / 2));
}

function newRunId(exists: (runId: string) => unknown): string {
  for (;;) {
    const id = [...crypto.randomBytes(8)].map((byte) => idAlphabet[byte % 32]).join('');
    if (exists(id) === undefined) return id;
  }
}
