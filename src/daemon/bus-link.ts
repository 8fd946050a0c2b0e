/** Keeps the daemon on the bus: server up, connection made, streams there, outbox relayed. Never waited for. */
import crypto from 'node:crypto';
import { messageOf } from '../errors.ts';
import type { RunStore } from '../persistence/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';
import {
  type BusAccess,
  type BusPlace,
  type BusServer,
  connectDaemon,
  createRelay,
  ensureStreams,
  missingStreams,
  type NatsConnection,
  type Relay,
  type StreamOwner,
  type StreamShape,
  shownUrl,
  streamNames,
  subjects,
} from '../transport/nats/index.ts';
import { type BusWatch, createBusWatch, joining } from './bus-watch.ts';

export type BusLink = {
  /** The connection while there is one. */
  connection(): NatsConnection | null;
  /** As it may be shown: without user and password. */
  url(): string;
  /** Whether the server is an existing one, not ours. */
  readonly external: boolean;
  /** Why the bus is away, or null. */
  trouble(): string | null;
  wake(): void;
  /** A worker says why it cannot publish; null: it can. */
  heard(publisher: string, trouble: string | null): void;
  close(stopServer: boolean): Promise<void>;
};

export type BusLinkOptions = {
  /** Null when an existing server is used. */
  server: () => Promise<BusServer | null>;
  url: string | null;
  /** How an existing server is entered; asked for each connection. */
  access?: () => BusAccess;
  /** Marks the streams on an existing server. */
  owner?: StreamOwner;
  /** How streams are made there. */
  shape?: StreamShape;
  yard: string;
  store: RunStore;
  maxFileBytes: number;
  /** Position up to which transitions are on the disk. */
  durablePos: () => number;
  /** Where the daemon's own server keeps its streams; without it nobody looks at its disk. */
  freeBytes?: () => number;
  /** Told whenever events were published. */
  relayed?: () => void;
  clock: Clock;
  log: Logger;
  /** Told how it was reached, each time that it is. */
  joined?: (where: BusPlace) => void;
  /** How the bus is reached; a simulation has other ways. */
  reach?: {
    connect: typeof connectDaemon;
    ensureStreams: typeof ensureStreams;
    missingStreams?: typeof missingStreams;
  };
};

const retryMs = 500;
/** A cluster elects for some 5 to 8 s, and answers nothing meanwhile. */
const electionLooks = 4;
const epochKey = 'bus.events.epoch';

export function createBusLink(options: BusLinkOptions): BusLink {
  const { yard, store, clock, log } = options;
  const reach = options.reach ?? { connect: connectDaemon, ensureStreams, missingStreams };
  const names = subjects(yard);
  let nc: NatsConnection | null = null;
  let relay: Relay | null = null;
  let server: BusServer | null = null;
  let url = options.url ?? '';
  let trouble: string | null = 'starting';
  let closed = false;

  const source = {
    pending: (limit: number, after: number) => {
      const epoch = store.meta(epochKey) ?? '';
      return store.outbox(limit, after, options.durablePos()).map((event) => {
        const { detail_json, ...rest } = event;
        const payload = JSON.stringify({ v: 1, ...rest, detail: JSON.parse(detail_json), epoch });
        return { pos: event.pos, subject: names.events(event.run_id), payload };
      });
    },
    newest: () => store.lastPos(),
    done: (pos: number) => {
      // Most looks find nothing: a busy disk is not to be bothered for it.
      if (store.outbox(1, 0, pos).length === 0) return;
      store.outboxDone(pos);
      options.relayed?.();
    },
    again: (afterPos: number) => {
      if (store.lastPos() > afterPos) store.outboxRebuild(afterPos);
    },
  };

  const watch: BusWatch = createBusWatch({
    connected: () => nc !== null,
    missing: async () => (nc === null ? [] : ((await reach.missingStreams?.(nc, yard)) ?? [])),
    freeBytes: options.url === null ? (options.freeBytes ?? null) : null,
    rejoin: async () => nc?.close(),
    ...(options.url === null ? {} : { patience: electionLooks }),
    restart: options.url === null ? async () => server?.stop() : null,
    clock,
    log,
  });

  const join = async (): Promise<NatsConnection> => {
    server ??= await options.server();
    const address = server === null ? null : await server.ensure();
    url = address?.url ?? url;
    const credentials = server === null ? null : server.credentials.daemon;
    const access = server === null ? (options.access?.() ?? null) : null;
    const place: BusPlace = { url, credentials, access };
    const joined = await reach.connect(place);
    try {
      const newEpoch = (): string => crypto.randomUUID();
      const owner = server === null ? (options.owner ?? null) : null;
      const { maxFileBytes, shape } = options;
      const { epoch } = await reach.ensureStreams(joined, yard, maxFileBytes, newEpoch, {
        owner,
        ...(owner === null || shape === undefined ? {} : { shape }),
        differs: (text) => log.warn({ text }, 'bus: a stream is not as it is wanted'),
      });
      if (epoch !== store.meta(epochKey)) {
        // A stream that was made anew holds nothing of what an older one had acknowledged.
        store.outboxRebuild(0);
        store.setMeta(epochKey, epoch);
      }
      relay = createRelay({
        source,
        stream: streamNames(yard).events,
        epoch,
        nc: joined,
        clock,
        log,
        onTrouble: (text) => watch.heard('relay', text),
      });
      relay.wake();
      options.joined?.(place);
    } catch (error) {
      await joined.close();
      throw error;
    }
    return joined;
  };

  const run = async (): Promise<void> => {
    while (!closed) {
      try {
        nc = await join();
        trouble = null;
        watch.heard(joining, null);
        log.info({ url: shownUrl(url) }, 'bus connected');
        await nc.closed();
      } catch (error) {
        if (!closed && trouble !== messageOf(error)) log.warn({ err: error }, 'bus is away');
        trouble = messageOf(error);
        if (!closed && nc === null && /no such file/.test(trouble)) watch.heard(joining, trouble);
      }
      relay?.stop();
      relay = null;
      nc = null;
      trouble ??= 'the connection to the bus was lost';
      if (!closed) await new Promise<void>((resolve) => clock.after(retryMs, resolve));
    }
  };
  void run();

  return {
    connection: () => nc,
    url: () => shownUrl(url),
    external: options.url !== null,
    trouble: () => watch.trouble() ?? trouble,
    heard: watch.heard,
    wake: () => relay?.wake(),
    async close(stopServer) {
      closed = true;
      watch.close();
      relay?.stop();
      await nc?.close().catch(() => undefined);
      if (stopServer) await server?.stop();
    },
  };
}
