/** One subject that a worker writes: each message is stored after the one it knows of, or refused. */
import { headers, type NatsConnection } from '@nats-io/transport-node';

const timeoutMs = 5000;

export function createSubject(connection: () => NatsConnection, subject: string, stream: string) {
  return {
    /** The newest stored message. Asked by direct get, which a worker may do for its subjects only. */
    async last(): Promise<{ seq: number; payload: unknown } | null> {
      const reply = await connection().request(`$JS.API.DIRECT.GET.${stream}.${subject}`, '', {
        timeout: timeoutMs,
      });
      if (reply.headers?.code === 404) return null;
      const seq = Number(reply.headers?.get('Nats-Sequence'));
      if (!Number.isInteger(seq) || seq < 1) throw new Error(`no sequence on ${subject}`);
      return { seq, payload: JSON.parse(reply.string()) };
    },
    /** The stored sequence, or null when the last message was another than `after`. */
    async publish(payload: object, after: number): Promise<number | null> {
      const h = headers();
      h.set('Nats-Expected-Last-Subject-Sequence', String(after));
      const reply = await connection().request(subject, JSON.stringify(payload), {
        timeout: timeoutMs,
        headers: h,
      });
      const ack = JSON.parse(reply.string()) as {
        seq?: number;
        error?: { err_code: number; description: string };
      };
      // 10071: wrong last sequence.
      if (ack.error?.err_code === 10071) return null;
      if (ack.error !== undefined) throw new Error(ack.error.description);
      return Number(ack.seq);
    },
  };
}
