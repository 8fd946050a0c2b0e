/**
 * A worker's connection to the bus. It is made in the background and never waited for: what a run does
 * must not depend on it.
 */
import fs from 'node:fs';
import path from 'node:path';
import {
  type BusCredentials,
  type BusPlace,
  connectWorker,
  createSubject,
  type NatsConnection,
  readBusFile,
  streamNames,
  subjects,
} from '../transport/nats/index.ts';
import type { WorkerConfig } from './config.ts';
import type { Subject } from './outlet.ts';

export type BusConfig = Pick<WorkerConfig, 'bus' | 'run_dir' | 'yard'>;

export type WorkerBus = {
  subject(runId: string, kind: 'logs' | 'metrics' | 'artifacts' | 'claims'): Subject;
  /** Asks the daemon, for a worker on a node. Throws when nobody answers within `timeoutMs`. */
  ask(runId: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  fact(runId: string, fact: object): void;
  beat(runId: string, beat: object): void;
  close(): Promise<void>;
};

/** The buses of a worker that looks after one attempt after another. */
export function createWorkerBuses() {
  const shared = new Map<string, WorkerBus>();
  return {
    /** `release` once the attempt has nothing more to publish. */
    of(config: BusConfig): { bus: WorkerBus; release: () => void } {
      if (hasRunFile(config)) {
        const bus = createWorkerBus(config);
        return { bus, release: () => void bus.close() };
      }
      const key = JSON.stringify([config.yard, config.bus]);
      const bus = shared.get(key) ?? createWorkerBus(config);
      shared.set(key, bus);
      return { bus, release: () => undefined };
    },
  };
}

function hasRunFile({ bus }: BusConfig): boolean {
  return bus.url === null && (readBusFile(bus.address_file)?.run_file ?? null) !== null;
}

const retryMs = 500;
/** Credentials of a run are made while its trainer is started. */
const absentMs = 50;
/** Facts that wait for the bus, at most: the daemon has them by its socket anyway. */
const factsMax = 1000;

/** The bus of a worker, or of one of its runs where each has credentials of its own. */
export function createWorkerBus(config: BusConfig): WorkerBus {
  const { yard } = config;
  let ours = false;
  let nc: NatsConnection | null = null;
  let closed = false;
  const facts: { runId: string; fact: object }[] = [];
  const names = subjects(yard);

  const connect = async (): Promise<void> => {
    while (!closed && nc === null) {
      try {
        const place = placeOf(config);
        ours = (place.access ?? null) === null && config.bus.url === null;
        nc = await connectWorker(place);
        void nc.closed().then(() => {
          nc = null;
          if (!closed) void connect();
        });
        for (const { runId, fact } of facts.splice(0))
          nc.publish(names.facts(runId), JSON.stringify(fact));
      } catch (error) {
        const waitMs = error instanceof Absent ? absentMs : retryMs;
        await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
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
      return {
        ...createSubject(connection, names[kind](runId), stream),
        ...{ several: () => ours },
      };
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
function placeOf({ bus, run_dir: runDir }: BusConfig): BusPlace {
  if (bus.url !== null) return { url: bus.url, credentials: null };
  const found = readBusFile(bus.address_file) ?? absent(bus.address_file);
  const { url, access, run_file: runFile = null } = found;
  if (access === undefined) {
    const all = JSON.parse(fs.readFileSync(bus.credentials_file, 'utf8')) as {
      worker: BusCredentials;
    };
    return { url, credentials: all.worker };
  }
  if (runFile === null) return { url, credentials: null, access };
  const file = path.join(runDir, runFile);
  const own = readBusFile(file) ?? absent(file);
  const { creds = null, inbox = null } = own.access ?? {};
  return { url, credentials: null, access: { ...access, creds, inbox } };
}

class Absent extends Error {}

function absent(file: string): never {
  throw new Absent(`${file} is not there yet`);
}
