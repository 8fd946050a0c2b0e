/** Keeps the daemon on the bus: server up, connection made, streams there, outbox relayed. Never waited for. */
import crypto from 'node:crypto';
import { messageOf } from '../errors.ts';
import type { RunStore } from '../persistence/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';
import {
  type BusCredentials,
  type BusServer,
  connectDaemon,
  createRelay,
  ensureStreams,
  missingStreams,
  type NatsConnection,
  type Relay,
  type StreamOwner,
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
  /** Marks the streams on an existing server. */
  owner?: StreamOwner;
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
  joined?: (where: { url: string; credentials: BusCredentials | null }) => void;
  /** How the bus is reached; a simulation has other ways. */
  reach?: {
    connect: typeof connectDaemon;
    ensureStreams: typeof ensureStreams;
    missingStreams?: typeof missingStreams;
  };
};

const retryMs = 500;
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
    restart: options.url === null ? async () => server?.stop() : null,
    clock,
    log,
  });

  const join = async (): Promise<NatsConnection> => {
    server ??= await options.server();
    const address = server === null ? null : await server.ensure();
    url = address?.url ?? url;
    const credentials = server === null ? null : server.credentials.daemon;
    const joined = await reach.connect({ url, credentials });
    try {
      const newEpoch = (): string => crypto.randomUUID();
      const owner = server === null ? (options.owner ?? null) : null;
      const { epoch } = await reach.ensureStreams(
        joined,
        yard,
        options.maxFileBytes,
        newEpoch,
        owner,
      );
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
      options.joined?.({ url, credentials });
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
