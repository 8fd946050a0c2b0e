/** What an existing bus has of what a yard needs: looked at, and nothing changed. */
import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '../../errors.ts';
import type { BusAccess } from './access.ts';
import { connectDaemon, connectWorker } from './connection.ts';
import { refuseUnfit } from './external.ts';
import { mintWorker, type Signer } from './minting.ts';
import { streamNames, subjects } from './names.ts';
import type { StreamShape } from './streams.ts';

export type Look = { part: string; state: 'ok' | 'warn' | 'fail'; text: string; hint: string };

export type StreamLook = {
  name: string;
  /** Null: it is not there. */
  found: { replicas: number; upToDate: number; place: string } | null;
};

export type BusToCheck = {
  url: string;
  access: BusAccess;
  signer: Signer | null;
  yard: string;
  shape: StreamShape;
  /** What the streams may take together, one copy. */
  bytes: number;
};

const answerMs = 5000;
/** No run has such an id. */
const nobody = 'runyard-check';

/** Throws what the connection throws. */
export async function checkBus(options: BusToCheck): Promise<Look[]> {
  const { url, access, yard, shape, signer } = options;
  const nc = await connectDaemon({ url, credentials: null, access });
  try {
    refuseUnfit(nc);
    const {
      server_name: server = '',
      version = '',
      cluster = '',
      tls_required: tls,
    } = nc.info ?? {};
    const within = cluster === '' ? 'no cluster' : `cluster ${cluster}`;
    const servers = ok('server', `${server} v${version}, ${within}${tls ? ', TLS' : ''}`);
    const jsm = await jetstreamManager(nc, { timeout: answerMs });
    const streams = await lookAtStreams(nc, yard);
    const looks = [servers, await storageLook(jsm, options, streams)];
    looks.push(...streams.map((stream) => streamLook(stream, shape)));
    const isMade = streams.every(({ found }) => found !== null);
    looks.push(signer === null ? unsigned() : await signerLook(options, signer, isMade));
    return looks;
  } finally {
    await nc.close();
  }
}

/** The streams of a yard, those that are there and those that are not. */
export async function lookAtStreams(nc: NatsConnection, yard: string): Promise<StreamLook[]> {
  const jsm = await jetstreamManager(nc, { timeout: answerMs });
  return Promise.all(
    Object.values(streamNames(yard)).map(async (name) => {
      const info = await infoOf(jsm, name);
      return { name, found: info === null ? null : foundIn(info) };
    }),
  );
}

async function infoOf(jsm: JetStreamManager, name: string): Promise<StreamInfo | null> {
  try {
    return await jsm.streams.info(name);
  } catch (error) {
    if (/not found/.test(messageOf(error))) return null;
    throw error;
  }
}

function foundIn({ config, cluster }: StreamInfo): StreamLook['found'] {
  const others = cluster?.replicas ?? [];
  const upToDate = 1 + others.filter(({ current, offline }) => current && offline !== true).length;
  return { replicas: config.num_replicas, upToDate, place: config.metadata?.place ?? '' };
}

/** Makes it so many copies, while it is used. */
export async function changeReplicas(
  nc: NatsConnection,
  name: string,
  replicas: number,
): Promise<void> {
  const jsm = await jetstreamManager(nc, { timeout: 2 * answerMs });
  const { config } = await jsm.streams.info(name);
  await jsm.streams.update(name, { ...config, num_replicas: replicas });
}

function streamLook({ name, found }: StreamLook, { replicas: wanted }: StreamShape): Look {
  const part = `stream ${name}`;
  if (found === null) {
    const hint = 'the daemon makes it, or: runyard bus init --url … --yes';
    return { part, state: 'warn', text: 'is not there yet', hint };
  }
  const { replicas, upToDate } = found;
  const text = `${replicas} replicas, ${upToDate} up to date`;
  if (replicas !== wanted) {
    const hint = 'runyard bus init --url … --yes makes them as many';
    return { part, state: 'warn', text: `${text}; bus_replicas is ${wanted}`, hint };
  }
  if (upToDate >= replicas) return ok(part, text);
  return { part, state: 'warn', text, hint: 'a server is away, or catches up' };
}

async function storageLook(
  jsm: JetStreamManager,
  { bytes, shape }: BusToCheck,
  streams: readonly StreamLook[],
): Promise<Look> {
  const { limits, storage } = await jsm.getAccountInfo();
  const { max_storage: most } = limits;
  if (most < 0) return ok('storage', 'no limit for this account');
  const text = `${mib(storage)} of ${mib(most)} MiB are used`;
  const needed = streams.some(({ found }) => found === null) ? bytes * shape.replicas : 0;
  if (most - storage >= needed) return ok('storage', text);
  const hint = `the streams take up to ${mib(needed)} MiB, all copies together: raise the account's limit, or lower bus_limit_mib`;
  return { part: 'storage', state: 'fail', text, hint };
}

function unsigned(): Look {
  const text = 'workers use the credentials of the daemon';
  return ok('workers', `${text} (no bus_signing_key)`);
}

/** Whether a worker's credentials open what they should, and nothing else. */
async function signerLook(
  { url, access, yard }: BusToCheck,
  signer: Signer,
  isMade: boolean,
): Promise<Look> {
  const fail = (text: string, hint: string): Look => ({
    part: 'workers',
    state: 'fail',
    text,
    hint,
  });
  const own = { ...access, ...(await mintWorker(signer, yard, nobody)) };
  let nc: NatsConnection;
  try {
    nc = await connectWorker({ url, credentials: null, access: own });
  } catch (error) {
    const hint =
      'bus_signing_key must be a signing key of bus_publishers, and the servers know that account';
    return fail(`credentials that are signed here are refused: ${messageOf(error)}`, hint);
  }
  try {
    const reached = await nc.request('$JS.API.INFO', '', { timeout: answerMs }).then(
      () => true,
      () => false,
    );
    if (reached) {
      const hint = 'do not export $JS.API.> to the account of bus_publishers';
      return fail('a worker reaches the API of JetStream', hint);
    }
    if (!isMade) return ok('workers', 'signed credentials are taken; no stream to try them on yet');
    const last = `$JS.API.DIRECT.GET.${streamNames(yard).metrics}.${subjects(yard).metrics(nobody)}`;
    const { headers } = await nc.request(last, '', { timeout: answerMs });
    if (headers?.code === 404) return ok('workers', 'signed credentials reach their streams alone');
    return fail(`a look at a subject of its own is answered by ${headers?.code}`, 'runyard doctor');
  } catch (error) {
    const hint = `bus_publishers must import the subjects of yard ${yard}: see docs/bus-cluster.md`;
    return fail(`workers do not reach their streams: ${messageOf(error)}`, hint);
  } finally {
    await nc.close();
  }
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}

function ok(part: string, text: string): Look {
  return { part, state: 'ok', text, hint: '' };
}
