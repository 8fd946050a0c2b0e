/** One subject that a worker writes: each message is stored after the one it knows of, or refused. */
import { headers, type NatsConnection } from '@nats-io/transport-node';

const timeoutMs = 5000;
/** A wrong last sequence, a wrong last message id. */
const wrongLast = [10071, 10070];

export function createSubject(connection: () => NatsConnection, subject: string, stream: string) {
  return {
    /** The newest stored message. Asked by direct get, which a worker may do for its subjects only. */
    async last(): Promise<{ seq: number; payload: unknown; id: string } | null> {
      const reply = await connection().request(`$JS.API.DIRECT.GET.${stream}.${subject}`, '', {
        timeout: timeoutMs,
      });
      if (reply.headers?.code === 404) return null;
      const seq = Number(reply.headers?.get('Nats-Sequence'));
      if (!Number.isInteger(seq) || seq < 1) throw new Error(`no sequence on ${subject}`);
      const id = reply.headers?.get('Nats-Msg-Id') ?? '';
      return { seq, payload: JSON.parse(reply.string()), id };
    },
    /**
     * The stored sequence, or null when the last message was another than `after`: of the subject, the one
     * with this sequence; of the whole stream, the one with this id, which may still be on its way. Bytes
     * are sent as they are. `id` is for the one that comes after it; no two messages may have the same.
     */
    async publish(
      payload: object,
      after: number | string,
      id: string | null = null,
    ): Promise<number | null> {
      const h = headers();
      if (typeof after === 'string') h.set('Nats-Expected-Last-Msg-Id', after);
      else h.set('Nats-Expected-Last-Subject-Sequence', String(after));
      if (id !== null) h.set('Nats-Msg-Id', id);
      const data = payload instanceof Uint8Array ? payload : JSON.stringify(payload);
      const reply = await connection().request(subject, data, { timeout: timeoutMs, headers: h });
      const ack = JSON.parse(reply.string()) as {
        seq?: number;
        error?: { err_code: number; description: string };
      };
      if (wrongLast.includes(ack.error?.err_code ?? 0)) return null;
      if (ack.error !== undefined) throw new Error(ack.error.description);
      return Number(ack.seq);
    },
  };
}
