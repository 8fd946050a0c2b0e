/** The streams of a yard, with explicit limits. */
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { explained, refuseForeign, refuseUnfit, type StreamOwner } from './external.ts';
import { type StreamKind, streamNames } from './names.ts';

const answerMs = 3000;
const floodMessageBytes = 16 * 1024;
/** Shares of the storage limit; together below one. Oldest messages go first when a share is used up. */
const shares: Readonly<Record<StreamKind, number>> = {
  events: 0.2,
  facts: 0.05,
  logs: 0.3,
  metrics: 0.4,
  artifacts: 0.02,
  claims: 0.02,
};
/**
 * Messages of one run, at most, so that its flood cannot evict another's history. Of logs fewer where the
 * stream is small: workers throttle a flood to some 16 KiB a message, which is a fifth of the stream.
 */
const perRun: Readonly<Record<StreamKind, number>> = {
  events: 10_000,
  facts: 1000,
  logs: 4000,
  metrics: 100_000,
  artifacts: 10_000,
  claims: 100,
};

/** Streams of the yard that are not there. Throws when the bus does not answer in time. */
export async function missingStreams(nc: NatsConnection, yard: string): Promise<string[]> {
  // An existing server may hold those of others too, more than one answer names.
  const ours = JSON.stringify({ subject: `${yard}.runs.>` });
  const reply = await nc.request('$JS.API.STREAM.NAMES', ours, { timeout: answerMs });
  const { streams } = JSON.parse(reply.string()) as { streams?: string[] | null };
  return Object.values(streamNames(yard)).filter((name) => streams?.includes(name) !== true);
}

/**
 * Makes or updates the streams; returns the epoch of the events stream, new whenever it was made anew.
 * On a server that others use too, `owner` marks them, and the streams of another owner are left alone.
 */
export async function ensureStreams(
  nc: NatsConnection,
  yard: string,
  maxFileBytes: number,
  newEpoch: () => string,
  owner: StreamOwner | null = null,
): Promise<{ jsm: JetStreamManager; epoch: string }> {
  if (owner !== null) refuseUnfit(nc);
  try {
    return await made(nc, yard, maxFileBytes, newEpoch, owner);
  } catch (error) {
    throw explained(error, maxFileBytes);
  }
}

async function made(
  nc: NatsConnection,
  yard: string,
  maxFileBytes: number,
  newEpoch: () => string,
  owner: StreamOwner | null,
): Promise<{ jsm: JetStreamManager; epoch: string }> {
  const jsm = await jetstreamManager(nc);
  let epoch = '';
  for (const [kind, name] of Object.entries(streamNames(yard)) as [StreamKind, string][]) {
    const max_bytes = Math.floor(maxFileBytes * shares[kind]);
    const fitting = kind === 'logs' ? Math.floor(max_bytes / 5 / floodMessageBytes) : perRun[kind];
    const limits = { max_bytes, max_msgs_per_subject: Math.min(perRun[kind], fitting) };
    const info = await jsm.streams.info(name).catch((error: unknown) => {
      if (error instanceof Error && /not found/.test(error.message)) return null;
      throw error;
    });
    if (info === null) {
      const created = newEpoch();
      await jsm.streams.add({
        name,
        subjects: [`${yard}.runs.*.${kind}`],
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.Old,
        storage: StorageType.File,
        allow_direct: true,
        metadata: {
          epoch: created,
          ...(owner === null ? {} : { owner: owner.id, place: owner.place }),
        },
        ...limits,
      });
      if (kind === 'events') epoch = created;
    } else {
      if (owner !== null) refuseForeign(info.config, owner);
      // The size stays as it was made: the sum has to fit the limit that the server started with.
      const { max_bytes: kept } = info.config;
      await jsm.streams.update(name, { ...info.config, ...limits, max_bytes: kept });
      if (kind === 'events') epoch = info.config.metadata?.epoch ?? '';
    }
  }
  return { jsm, epoch };
}
