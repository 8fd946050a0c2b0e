/** What the bus holds and who reads it, as the server tells. Nothing is made there by looking. */
import type { NatsConnection } from '@nats-io/transport-node';
import type { BusStream, Subscriber } from '../../contracts/index.ts';
import { messageOf, RunyardError } from '../../errors.ts';
import { streamNames, subjects } from './names.ts';

/** Names of the daemon's own consumers begin so. */
export const ownPrefix = 'runyard_';

type StreamInfo = {
  config: { max_bytes: number; max_msgs_per_subject: number; metadata?: { epoch?: string } };
  state: {
    messages: number;
    bytes: number;
    first_seq: number;
    first_ts: string;
    last_seq: number;
    last_ts: string;
    num_subjects?: number;
    consumer_count: number;
  };
};
type ConsumerInfo = {
  stream_name: string;
  name: string;
  created: string;
  config: { durable_name?: string; filter_subject?: string; filter_subjects?: string[] };
  delivered: { stream_seq: number; last_active?: string };
  num_pending: number;
  num_waiting: number;
};
type ConsumerPage = { total: number; offset: number; limit: number; consumers: ConsumerInfo[] };

const answerMs = 3000;

/** The newest event of a run that has been published, by the registry. */
export type Published = { runId: string; seq: number };

/**
 * The streams of a yard, those that are there; that of events is compared with what was `published`. Throws
 * `bus_unavailable`.
 */
export async function* seenStreams(
  nc: NatsConnection,
  yard: string,
  published: () => readonly Published[] = () => [],
): AsyncGenerator<BusStream> {
  for (const [holds, name] of Object.entries(streamNames(yard))) {
    const info = await ask<StreamInfo>(nc, `STREAM.INFO.${name}`, {});
    if (info === null) continue;
    const { config, state } = info;
    const isEmpty = state.messages === 0;
    const asked = holds === 'events' ? published() : [];
    yield {
      name,
      holds,
      messages: state.messages,
      bytes: state.bytes,
      first_seq: state.first_seq,
      last_seq: state.last_seq,
      first_at: isEmpty ? '' : state.first_ts,
      last_at: isEmpty ? '' : state.last_ts,
      runs: state.num_subjects ?? 0,
      max_bytes: Math.max(0, config.max_bytes),
      max_per_run: Math.max(0, config.max_msgs_per_subject),
      gone: state.last_seq - state.messages,
      subscribers: state.consumer_count,
      epoch: config.metadata?.epoch ?? '',
      compared: asked.length,
      behind: await lackOf(nc, yard, name, asked),
    };
  }
}

/** The first event that the stream does not have, in words; empty: it has them all. */
async function lackOf(
  nc: NatsConnection,
  yard: string,
  stream: string,
  asked: readonly Published[],
): Promise<string> {
  for (const { runId, seq } of asked) {
    const query = { last_by_subj: subjects(yard).events(runId) };
    const found = await ask<{ message: { data: string } }>(nc, `STREAM.MSG.GET.${stream}`, query);
    const event =
      found === null
        ? null
        : JSON.parse(Buffer.from(found.message.data, 'base64').toString('utf8'));
    const has = Number((event as { seq?: number } | null)?.seq ?? 0);
    if (has < seq) return `run ${runId}: event ${seq} is not there, the newest is ${has}`;
  }
  return '';
}

/** Consumers of all these streams. Throws `bus_unavailable`. */
export async function* seenSubscribers(
  nc: NatsConnection,
  yard: string,
): AsyncGenerator<Subscriber> {
  for (const name of Object.values(streamNames(yard))) {
    for (let offset = 0, total = 1; offset < total; ) {
      const page = await ask<ConsumerPage>(nc, `CONSUMER.LIST.${name}`, { offset });
      if (page === null || page.consumers.length === 0) break;
      yield* page.consumers.map(subscriberOf);
      offset += page.consumers.length;
      total = page.total;
    }
  }
}

function subscriberOf(info: ConsumerInfo): Subscriber {
  const { config, delivered } = info;
  const one = config.filter_subject ?? '';
  return {
    stream: info.stream_name,
    name: info.name,
    subjects: config.filter_subjects ?? (one === '' ? [] : [one]),
    ours: info.name.startsWith(ownPrefix),
    durable: (config.durable_name ?? '') !== '',
    seq: delivered.stream_seq,
    lag: info.num_pending,
    asking: info.num_waiting,
    made_at: info.created,
    active_at: delivered.last_active ?? '',
  };
}

/** Null: there is no such stream. */
async function ask<T>(nc: NatsConnection, call: string, query: object): Promise<T | null> {
  let answer: T & { error?: { code: number; description: string } };
  try {
    const reply = await nc.request(`$JS.API.${call}`, JSON.stringify(query), { timeout: answerMs });
    answer = reply.json();
  } catch (error) {
    throw new RunyardError('bus_unavailable', `the bus does not tell: ${messageOf(error)}`);
  }
  const { error } = answer;
  if (error === undefined) return answer;
  if (error.code === 404) return null;
  throw new RunyardError('bus_unavailable', `the bus does not tell: ${error.description}`);
}
