/**
 * Hands encoded requests to a collector, and says what it answered. What is no answer of OTLP, whatever its
 * status, is a failure: a proxy's page must not pass for a collector that took everything.
 */
import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { messageOf } from '../../errors.ts';
import { grpcMethodOf, type Signal, type Target } from './options.ts';

export type Outcome =
  /** It has it, but for so many items that it rejected for good. */
  | { kind: 'accepted'; rejected: number; why: string }
  /** It will never take this request. */
  | { kind: 'refused'; why: string }
  /** Later, perhaps; not before so many milliseconds. */
  | { kind: 'failed'; why: string; retryAfterMs: number };

export type Sender = {
  send(body: Uint8Array): Promise<Outcome>;
  /** Also ends what is under way. */
  close(): void;
};

/** What it says of a request that it took; throws for what is no such answer. */
export type ReadAnswer = (body: Uint8Array) => { rejected: number; why: string };

/** An answer is a few bytes; whoever sends more is no collector. */
const answerBytesMost = 64 * 1024;
const retryAfterMostMs = 300_000;
const zipped = promisify(gzip);

export async function createSender(
  signal: Signal,
  target: Target,
  read: ReadAnswer,
): Promise<Sender> {
  return target.protocol === 'grpc' ? grpcSender(signal, target, read) : httpSender(target, read);
}

function httpSender(target: Target, read: ReadAnswer): Sender {
  const { url, timeoutMs } = target;
  const isTls = url.startsWith('https:');
  const agent = isTls
    ? new https.Agent({ keepAlive: true, ...(target.ca === null ? {} : { ca: target.ca }) })
    : new http.Agent({ keepAlive: true });
  const ending = new AbortController();

  const post = (body: Uint8Array): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const request = (isTls ? https : http).request(url, {
        method: 'POST',
        agent,
        // From the first byte to the last: one that trickles is one that hangs.
        signal: AbortSignal.any([ending.signal, AbortSignal.timeout(timeoutMs)]),
        headers: {
          'user-agent': 'runyard',
          ...target.headers,
          'content-type': 'application/x-protobuf',
          'content-length': body.byteLength,
          ...(target.gzip ? { 'content-encoding': 'gzip' } : {}),
        },
      });
      request.on('error', reject);
      request.on('response', (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('error', reject);
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          parts.push(part);
          if (bytes > answerBytesMost) request.destroy(new Error('its answer has no end'));
        });
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: Buffer.concat(parts) });
        });
      });
      request.end(body);
    });
  return {
    async send(body) {
      try {
        return judged(await post(target.gzip ? await zipped(body) : body), read);
      } catch (error) {
        return { kind: 'failed', why: messageOf(error), retryAfterMs: 0 };
      }
    },
    close() {
      ending.abort();
      agent.destroy();
    },
  };
}

type Answer = { status: number; headers: http.IncomingHttpHeaders; body: Buffer };

function judged({ status, headers, body }: Answer, read: ReadAnswer): Outcome {
  if (status >= 200 && status < 300) {
    const isOurs = body.length === 0 || headers['content-type']?.includes('protobuf') === true;
    return isOurs ? accepted(body, read) : notOtlp(`${headers['content-type']}`);
  }
  const why = `it answered ${status}`;
  if (status === 400 || status === 413) return { kind: 'refused', why };
  const after = 1000 * Number(headers['retry-after']);
  const retryAfterMs = after > 0 ? Math.min(after, retryAfterMostMs) : 0;
  return { kind: 'failed', why, retryAfterMs };
}

function accepted(body: Uint8Array, read: ReadAnswer): Outcome {
  try {
    return { kind: 'accepted', ...read(body) };
  } catch (error) {
    return notOtlp(messageOf(error));
  }
}

function notOtlp(why: string): Outcome {
  return { kind: 'failed', why: `its answer is not OTLP (${why})`, retryAfterMs: 0 };
}

async function grpcSender(signal: Signal, target: Target, read: ReadAnswer): Promise<Sender> {
  // Loaded only where it is used.
  const grpc = await import('@grpc/grpc-js');
  const { protocol, host } = new URL(target.url);
  const credentials =
    protocol === 'https:'
      ? grpc.credentials.createSsl(target.ca === null ? null : Buffer.from(target.ca))
      : grpc.credentials.createInsecure();
  const client = new grpc.Client(host, credentials, {
    'grpc.max_receive_message_length': answerBytesMost,
    ...(target.gzip ? { 'grpc.default_compression_algorithm': 2 } : {}),
  });
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(target.headers)) metadata.set(name, value);
  const bytes = (data: Buffer): Buffer => data;
  return {
    send: (body) =>
      new Promise((resolve) => {
        const deadline = Date.now() + target.timeoutMs;
        client.makeUnaryRequest(
          grpcMethodOf(signal),
          bytes,
          bytes,
          Buffer.from(body),
          metadata,
          { deadline },
          (error, answer) => {
            if (error === null) resolve(accepted(answer ?? Buffer.alloc(0), read));
            else if (error.code === grpc.status.INVALID_ARGUMENT)
              resolve({ kind: 'refused', why: error.details });
            else resolve({ kind: 'failed', why: error.message, retryAfterMs: 0 });
          },
        );
      }),
    close: () => client.close(),
  };
}
