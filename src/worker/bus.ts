/**
 * A worker's connection to the bus. It is made in the background and never waited for: what a run does
 * must not depend on it.
 */
import fs from 'node:fs';
import {
  type BusCredentials,
  connectWorker,
  createSubject,
  type NatsConnection,
  streamNames,
  subjects,
} from '../transport/nats/index.ts';
import type { WorkerConfig } from './config.ts';
import type { Subject } from './outlet.ts';

export type WorkerBus = {
  subject(runId: string, kind: 'logs' | 'metrics' | 'artifacts' | 'claims'): Subject;
  /** Asks the daemon, for a worker on a node. Throws when nobody answers within `timeoutMs`. */
  ask(runId: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  fact(runId: string, fact: object): void;
  beat(runId: string, beat: object): void;
  close(): Promise<void>;
};

const retryMs = 500;
/** Facts that wait for the bus, at most: the daemon has them by its socket anyway. */
const factsMax = 1000;

export function createWorkerBus(where: WorkerConfig['bus'], yard: string): WorkerBus {
  let nc: NatsConnection | null = null;
  let closed = false;
  const facts: { runId: string; fact: object }[] = [];
  const names = subjects(yard);

  const connect = async (): Promise<void> => {
    while (!closed && nc === null) {
      try {
        nc = await connectWorker(addressOf(where));
        void nc.closed().then(() => {
          nc = null;
          if (!closed) void connect();
        });
        for (const { runId, fact } of facts.splice(0))
          nc.publish(names.facts(runId), JSON.stringify(fact));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
      }
    }
  };
  void connect();

  const connection = (): NatsConnection => {
    if (nc === null) throw new Error('the bus is away');
    return nc;
  };
  return {
    subject(runId, kind) {
      const stream = streamNames(yard)[kind];
      return createSubject(connection, names[kind](runId), stream);
    },
    async ask(runId, data, timeoutMs) {
      return (await connection().request(names.talk(runId), data, { timeout: timeoutMs })).data;
    },
    fact(runId, fact) {
      if (nc !== null) nc.publish(names.facts(runId), JSON.stringify(fact));
      else if (facts.length < factsMax) facts.push({ runId, fact });
    },
    beat(runId, beat) {
      nc?.publish(names.beat(runId), JSON.stringify(beat));
    },
    async close() {
      closed = true;
      await nc?.close();
    },
  };
}

/** Read anew for each connection: a restarted bus may have another address. */
function addressOf(where: WorkerConfig['bus']): {
  url: string;
  credentials: BusCredentials | null;
} {
  if (where.url !== null) return { url: where.url, credentials: null };
  const { url } = JSON.parse(fs.readFileSync(where.address_file, 'utf8')) as { url: string };
  const all = JSON.parse(fs.readFileSync(where.credentials_file, 'utf8')) as {
    worker: BusCredentials;
  };
  return { url, credentials: all.worker };
}
