/**
 * What a stream has stored, read by position. No consumer is made: whoever reads holds a stream sequence
 * and nothing else, so that one who reads slowly, or never again, costs the server and us nothing.
 */
import { createInbox, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { messageOf, RunyardError } from '../../errors.ts';

export type Stored = { seq: number; subject: string; data: Uint8Array };
export type Batch = {
  messages: Stored[];
  /** How many of the subject come after them. */
  pending: number;
};

export type StoredReader = {
  /** The first messages at or after a sequence, up to so many bytes, and at least one. */
  from(seq: number): Promise<Batch>;
  /** The first one at or after a sequence. */
  next(seq: number): Promise<Stored | null>;
  last(): Promise<Stored | null>;
  /** When the stream was made: sequences are of that stream alone. */
  made(): Promise<string>;
};

const answerMs = 5000;
const batchMessages = 256;

/** `subject` may have wildcards. All methods throw `bus_unavailable` when the server does not answer. */
export function createStoredReader(options: {
  nc: NatsConnection;
  stream: string;
  subject: string;
  /** What one batch may have. */
  bytes: number;
}): StoredReader {
  const { nc, stream, subject, bytes } = options;
  const ask = (query: object): Promise<Batch> => batch(nc, stream, query);
  return {
    from: (seq) =>
      ask({ seq: Math.max(1, seq), next_by_subj: subject, batch: batchMessages, max_bytes: bytes }),
    async next(seq) {
      const { messages } = await ask({ seq: Math.max(1, seq), next_by_subj: subject, batch: 1 });
      return messages[0] ?? null;
    },
    async last() {
      const { messages } = await ask({ multi_last: [subject], batch: 1 });
      return messages[0] ?? null;
    },
    made: () => madeAt(nc, stream),
  };
}

async function madeAt(nc: NatsConnection, stream: string): Promise<string> {
  try {
    const reply = await nc.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: answerMs });
    const { created, error } = reply.json<{ created?: string; error?: { description: string } }>();
    if (created === undefined) throw new Error(error?.description ?? 'no answer');
    return created;
  } catch (error) {
    throw unreadable(stream, messageOf(error));
  }
}

/** One request, many answers, and a last one that says so. */
function batch(nc: NatsConnection, stream: string, query: object): Promise<Batch> {
  if (nc.isClosed()) return Promise.reject(unreadable(stream, 'the connection was lost'));
  return new Promise((resolve, reject) => {
    const inbox = createInbox();
    const found: Batch = { messages: [], pending: 0 };
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      subscription.unsubscribe();
    };
    const fail = (why: string): void => {
      end();
      reject(unreadable(stream, why));
    };
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => fail('no answer'), answerMs);
    };
    const hear = (message: Msg): void => {
      const { headers } = message;
      const code = headers?.code ?? 0;
      // 204: the end of the batch. 404: nothing (more) of it.
      if (code === 204 || code === 404) {
        end();
        resolve(found);
      } else if (code !== 0) fail(headers?.description || `status ${code}`);
      else {
        found.pending = Number(headers?.get('Nats-Num-Pending') || 0);
        found.messages.push({
          seq: Number(headers?.get('Nats-Sequence')),
          subject: headers?.get('Nats-Subject') ?? '',
          data: message.data,
        });
        wait();
      }
    };
    const subscription = nc.subscribe(inbox, {
      callback: (error, message) => (error === null ? hear(message) : fail(error.message)),
    });
    void subscription.closed.then(() => fail('the connection was lost'));
    wait();
    nc.publish(`$JS.API.DIRECT.GET.${stream}`, JSON.stringify(query), { reply: inbox });
  });
}

function unreadable(stream: string, why: string): RunyardError {
  return new RunyardError('bus_unavailable', `the stream ${stream} could not be read: ${why}`);
}
