/**
 * Publishes every committed transition once and in order, however often it is interrupted. The message
 * id would only help within the server's duplicate window, so each publish names the sequence that it
 * expects to be last: the daemon is the only publisher of this stream. After any doubt the stream's last
 * message is read back, and what it holds already is skipped.
 */
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '../../errors.ts';
import { failpoint } from '../../failpoints.ts';
import type { Clock, Logger } from '../../telemetry/index.ts';

export type OutboxRow = { pos: number; subject: string; payload: string };

export type OutboxSource = {
  pending(limit: number, after: number): OutboxRow[];
  /** Everything up to here is stored by the bus. */
  done(uptoPos: number): void;
  /** The highest position ever committed: with it, a registry that lost its newest part is noticed. */
  newest?(): number;
  /** Takes up again what comes after a position although it was done: the stream has lost it. */
  again?(afterPos: number): void;
};

export type Relay = {
  wake(): void;
  stop(): void;
};

const pageRows = 256;
const retryMs = 300;
const timeoutMs = 5000;

export type RelayOptions = {
  source: OutboxSource;
  stream: string;
  epoch: string;
  nc: Pick<NatsConnection, 'request' | 'close' | 'isClosed'>;
  clock: Clock;
  log: Logger;
  /** Told why nothing can be published, and by null that it can again. */
  onTrouble?: (trouble: string | null) => void;
};

/** A relay over one connection; it ends by `stop`, and another one takes over on the next connection. */
export function createRelay(options: RelayOptions): Relay {
  const { source, stream, nc, clock, log } = options;
  let stopped = false;
  let asked = false;
  let running = false;
  let trouble: string | null = null;
  /** Of the stream: its last sequence, and the position that its last message carries. */
  let last: { seq: number; pos: number } | null = null;

  const readBack = async (): Promise<{ seq: number; pos: number }> => {
    const info = await request(nc, `$JS.API.STREAM.INFO.${stream}`, '');
    const { state } = info as { state: { last_seq: number; messages: number } };
    if (state.messages === 0) return { seq: state.last_seq, pos: 0 };
    const { message } = await lastMessage(state.last_seq);
    const payload = Buffer.from(message.data, 'base64').toString();
    const pos = positionOf(payload);
    if (pos === null || !isOurs(pos, payload)) await discard(pos);
    return { seq: state.last_seq, pos: pos ?? 0 };
  };

  /**
   * By its sequence: what is stored after that while we look is not on the disk yet, and does not count as
   * published. Only when somebody has deleted that very message, whatever is the last one.
   */
  const lastMessage = async (seq: number): Promise<{ message: { data: string } }> => {
    const get = (which: object): Promise<unknown> =>
      request(nc, `$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify(which));
    const found = await get({ seq }).catch((error: unknown) => {
      if (/no message found/.test(messageOf(error))) return get({ last_by_subj: '>' });
      throw error;
    });
    return found as { message: { data: string } };
  };

  /** Whether the registry knows what the stream holds last. */
  const isOurs = (pos: number, payload: string): boolean => {
    const [row] = source.pending(1, pos - 1);
    if (row?.pos === pos && row.payload !== payload) return false;
    return source.newest === undefined || source.newest() >= pos;
  };

  /**
   * The registry is the truth. It lost what was published (power loss, an older copy put back), so what it
   * commits from now on would pass for published already. Who connects next makes the stream anew, with
   * a new epoch, and queues the whole history again.
   */
  const discard = async (pos: number | null): Promise<never> => {
    log.error({ stream, pos }, 'the events on the bus are of another history: made anew');
    await request(nc, `$JS.API.STREAM.DELETE.${stream}`, '');
    await nc.close();
    throw new Error('the stream of events has to be made anew');
  };

  const publish = async (row: OutboxRow, expected: number): Promise<number> => {
    const h = headers();
    h.set('Nats-Expected-Last-Sequence', String(expected));
    h.set('Runyard-Pos', String(row.pos));
    h.set('Runyard-Epoch', options.epoch);
    const reply = await nc.request(row.subject, row.payload, { timeout: timeoutMs, headers: h });
    const ack = JSON.parse(reply.string()) as { seq?: number; error?: { description: string } };
    if (ack.error !== undefined || ack.seq === undefined) {
      throw new Error(ack.error?.description ?? 'no acknowledgement');
    }
    return ack.seq;
  };

  const pass = async (): Promise<void> => {
    if (last === null) {
      last = await readBack();
      source.again?.(last.pos);
      source.done(last.pos);
    }
    for (;;) {
      const rows = source.pending(pageRows, last.pos);
      if (rows.length === 0 || stopped) return;
      // Pipelined: each names the sequence that the one before it will have got.
      const before: number = last.seq;
      failpoint('relay.publish');
      const acks: number[] = await Promise.all(rows.map((row, i) => publish(row, before + i)));
      failpoint('relay.acked');
      last = { seq: acks.at(-1) ?? before, pos: rows.at(-1)?.pos ?? last.pos };
      source.done(last.pos);
      failpoint('relay.deleted');
      // What came meanwhile has woken us again.
      if (rows.length < pageRows) return;
    }
  };

  const run = async (): Promise<void> => {
    running = true;
    while (asked && !stopped) {
      asked = false;
      try {
        await pass();
        trouble = null;
        options.onTrouble?.(null);
      } catch (error) {
        last = null;
        if (stopped || nc.isClosed()) break;
        const text = messageOf(error);
        if (text !== trouble) log.warn({ err: error }, 'relay interrupted');
        trouble = text;
        options.onTrouble?.(text);
        asked = true;
        await new Promise<void>((resolve) => clock.after(retryMs, resolve));
      }
    }
    running = false;
  };

  return {
    wake() {
      asked = true;
      if (!running && !stopped) void run();
    },
    stop() {
      stopped = true;
    },
  };
}

function positionOf(payload: string): number | null {
  try {
    const { pos } = JSON.parse(payload) as { pos?: unknown };
    return typeof pos === 'number' && Number.isSafeInteger(pos) ? pos : null;
  } catch {
    return null;
  }
}

async function request(
  nc: Pick<NatsConnection, 'request'>,
  subject: string,
  payload: string,
): Promise<unknown> {
  const reply = await nc.request(subject, payload, { timeout: timeoutMs });
  const answer = JSON.parse(reply.string()) as { error?: { description: string } };
  if (answer.error !== undefined) throw new Error(answer.error.description);
  return answer;
}
