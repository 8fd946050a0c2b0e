/** The streams of a yard, with explicit limits. */
import {
  DiscardPolicy,
  type JetStreamManager,
  jetstreamManager,
  type Placement,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { explained, refuseForeign, refuseUnfit, type StreamOwner } from './external.ts';
import { type StreamKind, streamNames } from './names.ts';

const answerMs = 3000;
/** A cluster makes a stream on several servers. */
const makingMs = 10_000;
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

/** Where streams are made and in how many copies, on a cluster. */
export type StreamShape = {
  readonly replicas: number;
  /** Empty: not said. */
  readonly cluster: string;
  readonly tags: readonly string[];
};
export type StreamsOptions = {
  /** Marks streams on a server that others use too. Null: the server is ours. */
  owner?: StreamOwner | null;
  shape?: StreamShape;
  /** Told of streams that are there and are not as wanted: they stay as they are. */
  differs?: (text: string) => void;
};
const single: StreamShape = { replicas: 1, cluster: '', tags: [] };

/** Streams of the yard that are not there. Throws when the bus does not answer in time. */
export async function missingStreams(nc: NatsConnection, yard: string): Promise<string[]> {
  // An existing server may hold those of others too, more than one answer names.
  const ours = JSON.stringify({ subject: `${yard}.runs.>` });
  const reply = await nc.request('$JS.API.STREAM.NAMES', ours, { timeout: answerMs });
  const { streams, error } = JSON.parse(reply.string()) as {
    streams?: string[] | null;
    error?: { description: string };
  };
  // A cluster without a leader does not know, which is not the same as none.
  if (error !== undefined) throw new Error(error.description);
  return Object.values(streamNames(yard)).filter((name) => streams?.includes(name) !== true);
}

/**
 * Makes or updates the streams; returns the epoch of the events stream, new whenever it was made anew.
 * On a server that others use too the streams of another owner are left alone.
 */
export async function ensureStreams(
  nc: NatsConnection,
  yard: string,
  maxFileBytes: number,
  newEpoch: () => string,
  options: StreamsOptions = {},
): Promise<{ jsm: JetStreamManager; epoch: string }> {
  const { owner = null, shape = single } = options;
  if (owner !== null) refuseUnfit(nc);
  try {
    return await made(nc, yard, maxFileBytes, newEpoch, options);
  } catch (error) {
    throw explained(error, maxFileBytes, shape);
  }
}

async function made(
  nc: NatsConnection,
  yard: string,
  maxFileBytes: number,
  newEpoch: () => string,
  options: StreamsOptions,
): Promise<{ jsm: JetStreamManager; epoch: string }> {
  const { owner = null, shape = single } = options;
  const jsm = await jetstreamManager(nc, { timeout: answerMs });
  const maker = await jetstreamManager(nc, { timeout: makingMs });
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
      await maker.streams.add({
        name,
        subjects: [`${yard}.runs.*.${kind}`],
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.Old,
        storage: StorageType.File,
        allow_direct: true,
        num_replicas: shape.replicas,
        ...placementOf(shape),
        metadata: {
          epoch: created,
          ...(owner === null ? {} : { owner: owner.id, place: owner.place }),
        },
        ...limits,
      });
      if (kind === 'events') epoch = created;
    } else {
      if (owner !== null) refuseForeign(info.config, owner);
      if (info.config.num_replicas !== shape.replicas) {
        options.differs?.(
          `the stream ${name} has ${info.config.num_replicas} replicas, and bus_replicas is ${shape.replicas}`,
        );
      }
      // The size stays as it was made: the sum has to fit the limit that the server started with.
      const { max_msgs_per_subject } = limits;
      if (info.config.max_msgs_per_subject !== max_msgs_per_subject)
        await maker.streams.update(name, { ...info.config, max_msgs_per_subject });
      if (kind === 'events') epoch = info.config.metadata?.epoch ?? '';
    }
  }
  return { jsm, epoch };
}

function placementOf({ cluster, tags }: StreamShape): { placement?: Placement } {
  if (cluster === '' && tags.length === 0) return {};
  return { placement: { cluster, tags: [...tags] } };
}
