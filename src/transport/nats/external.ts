/** A server that is not ours: what it must have, said plainly when it has not, and how it is shown. */
import type { NatsConnection } from '@nats-io/transport-node';
import { RunyardError } from '../../errors.ts';
import { isNewEnough, oldestVersion } from './binary.ts';
import type { StreamShape } from './streams.ts';

/** The address without user, password and token: those are for nobody's eyes and for no log. */
export function shownUrl(url: string): string {
  return url
    .split(',')
    .map((part) => part.trim().replace(/^([a-z]+:\/\/)?.*@/, '$1'))
    .join(',');
}

/** Throws bus_unavailable when the server lacks what we use. */
export function refuseUnfit(nc: NatsConnection): void {
  const { version = '', jetstream } = nc.info ?? {};
  if (!isNewEnough(version)) {
    throw new RunyardError(
      'bus_unavailable',
      `that nats-server is ${version || 'of no known version'}, and ${oldestVersion.join('.')} or newer is needed`,
    );
  }
  if (jetstream !== true) throw withoutJetStream();
}

/** JetStream error codes: too little storage, too many streams, a limit that every stream must state. */
const scarce = [10023, 10026, 10027, 10028, 10047, 10122];

/** No such server to place a stream on; more replicas than servers; replicas without a cluster. */
const misplaced = [10005, 10052, 10074];

/** An error of making the streams, in words that say what to change on that server. */
export function explained(error: unknown, wantedBytes: number, shape: StreamShape): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'JetStreamNotEnabled') return withoutJetStream(error);
  const { code } = error as { code?: unknown };
  if (typeof code !== 'number') return error;
  if (misplaced.includes(code)) return unplaced(error, shape);
  if (!scarce.includes(code)) return error;
  const mib = Math.floor(wantedBytes / 2 ** 20);
  return new RunyardError(
    'bus_unavailable',
    `that nats-server grants too little for the streams of this yard, ${mib} MiB together (${error.message}); ` +
      'raise its limits for this account, or lower bus_limit_mib',
    { cause: error },
  );
}

/** Who made a stream: a lasting id of the state directory, and where that is, for people. */
export type StreamOwner = { readonly id: string; readonly place: string };

/** Two yards of one name on one server would take each other's streams for their own. */
export function refuseForeign(
  stream: { name: string; metadata?: Record<string, string> | undefined },
  owner: StreamOwner,
): void {
  const { owner: id, place } = stream.metadata ?? {};
  if (id === undefined || id === owner.id) return;
  throw new RunyardError(
    'bus_unavailable',
    `the stream ${stream.name} on that nats-server belongs to another state directory, ${place}; ` +
      'give this yard another name: RUNYARD_YARD',
  );
}

function unplaced(cause: Error, { replicas, cluster, tags }: StreamShape): RunyardError {
  const where = [
    `bus_replicas ${replicas}`,
    ...(cluster === '' ? [] : [`bus_cluster ${cluster}`]),
    ...(tags.length === 0 ? [] : [`bus_tags ${tags.join(', ')}`]),
  ].join(', ');
  return new RunyardError(
    'bus_unavailable',
    `that nats-server has no place for streams with ${where} (${cause.message}); ` +
      'so many servers with JetStream must be in the cluster and run',
    { cause },
  );
}

function withoutJetStream(cause?: unknown): RunyardError {
  return new RunyardError(
    'bus_unavailable',
    'that nats-server has no JetStream for this account; it is enabled by `nats-server -js` or in its configuration',
    { cause },
  );
}
