/** The bus, and all that hangs on it: the link to it, who may read it, what is purged, the points in it. */
import path from 'node:path';
import type { BusPort, Settings } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { freeBytes, type Home, type Removals, type RunStore } from '../persistence/index.ts';
import { runFiles } from '../rundir/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';
import {
  type BusAccess,
  type BusServer,
  createBusServer,
  findNatsServer,
  type NatsConnection,
  readAccess,
  readSigner,
  seenStreams,
  seenSubscribers,
  writeBusFile,
} from '../transport/nats/index.ts';
import { type BusLinkOptions, createBusLink } from './bus-link.ts';
import { streamOwner } from './endpoint.ts';
import { createMetricBus } from './metrics/bus.ts';
import { createMinting } from './minting/index.ts';
import { createPurging } from './purging.ts';
import { createReaders } from './readers.ts';

/** Runs whose newest event is looked up in the stream, for whoever asks; a millisecond each. */
const comparedRuns = 100;
const outboxMost = 10_000;

export type BusPartsOptions = {
  settings: Settings;
  env: NodeJS.ProcessEnv;
  /** The checkout or package that runs. */
  checkout: string;
  home: Home;
  clock: Clock;
  log: Logger;
  store: RunStore;
  removals: Removals;
  durablePos: () => number;
  joined: NonNullable<BusLinkOptions['joined']>;
};

export function openBus(options: BusPartsOptions) {
  const { settings, env, home, clock, log, store, removals } = options;
  const natsUrl = env.RUNYARD_NATS_URL || null;
  const maxFileBytes =
    natsUrl === null
      ? busLimit(home.root, settings.bus_limit_mib)
      : settings.bus_limit_mib * 2 ** 20;
  let busServer: Promise<BusServer> | null = null;
  const findBusServer = async (): Promise<BusServer> => {
    const binary = await findNatsServer({
      home: home.root,
      checkout: options.checkout,
      env,
      progress: (text) => log.info({}, text),
    });
    return createBusServer({ dir: home.bus, yard: settings.yard, binary, maxFileBytes, log });
  };
  /** Null when it is not ours. Looked for again when none was found. */
  const ownBus = (): Promise<BusServer | null> => {
    if (natsUrl !== null) return Promise.resolve(null);
    busServer ??= findBusServer().catch((error: unknown) => {
      busServer = null;
      throw error;
    });
    return busServer;
  };
  /** Workers read it anew for each connection, and so do those of an earlier daemon. */
  const existingFile = path.join(home.bus, 'existing.json');
  const access = (): BusAccess => {
    const found = readAccess(settings);
    // Without credentials: where each run has its own, nobody else's are needed.
    const [given, run_file] =
      readSigner(settings) === null ? [found, null] : [{ ...found, creds: null }, runFiles.bus];
    if (natsUrl !== null)
      writeBusFile(existingFile, { v: 1, url: natsUrl, access: given, run_file });
    return found;
  };
  try {
    access();
  } catch {
    // Said, and tried again, with each connection.
  }
  const bus = createBusLink({
    url: natsUrl,
    owner: streamOwner(home),
    access,
    shape: {
      replicas: settings.bus_replicas,
      cluster: settings.bus_cluster,
      tags: settings.bus_tags,
    },
    yard: settings.yard,
    store,
    maxFileBytes,
    durablePos: options.durablePos,
    clock,
    freeBytes: () => freeBytes(home.bus),
    log,
    server: ownBus,
    relayed: () => purging.wake(),
    joined: options.joined,
  });

  const minting = createMinting({
    root: home.root,
    yard: settings.yard,
    url: natsUrl,
    access,
    signer: () => readSigner(settings),
    log,
  });
  for (const run of store.unfinished()) if (run.state !== 'queued') minting.want(run.run_id);

  const purging = createPurging({
    store,
    removals,
    yard: settings.yard,
    connection: bus.connection,
    clock,
    log,
  });
  const readers = createReaders({
    server: ownBus,
    url: natsUrl === null ? null : bus.url(),
    yard: settings.yard,
    clock,
    log,
  });
  const metricBus = createMetricBus(settings.yard, bus.connection);
  const connected = (): NatsConnection => {
    const nc = bus.connection();
    if (nc !== null) return nc;
    throw new RunyardError(
      'bus_unavailable',
      `the bus is away: ${bus.trouble() ?? 'for a moment'}`,
    );
  };
  /** Of the newest runs, those of which nothing waits any more to be published. */
  const published = () => {
    const waiting = new Set(
      store.outbox(outboxMost, 0, store.lastPos()).map(({ run_id: runId }) => runId),
    );
    return store
      .list({ all: true, user: '', status: '', group: '', limit: comparedRuns })
      .filter(({ run_id: runId }) => !waiting.has(runId))
      .map(({ run_id: runId, last_seq: seq }) => ({ runId, seq }));
  };
  const busSeen: BusPort = {
    async *busStreams() {
      yield* seenStreams(connected(), settings.yard, published);
    },
    async *subscribers() {
      yield* seenSubscribers(connected(), settings.yard);
    },
  };
  const workers = {
    addressFile: natsUrl === null ? path.join(home.bus, 'address.json') : existingFile,
    credentialsFile: path.join(home.bus, 'credentials.json'),
    url: null,
  };
  return { bus, workers, minting, purging, readers, metricBus, busSeen };
}

/** Below the free disk: a stream on a full disk stays dead until its server restarts. */
function busLimit(root: string, limitMib: number): number {
  return Math.max(32 * 2 ** 20, Math.min(limitMib * 2 ** 20, freeBytes(root) / 2));
}
