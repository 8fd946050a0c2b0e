/** The bus as the executor of jobs needs it: a connection of its own, so that what nodes bring back stands in nobody's way. */
import { messageOf, RunyardError } from '../../errors.ts';
import type { JobClaim, TalkPort, TalkReply } from '../../executors/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import {
  answerTalk,
  type BusPlace,
  connectDaemon,
  createSubject,
  type NatsConnection,
  streamNames,
  subjects,
} from '../../transport/nats/index.ts';

export type JobBus = TalkPort & {
  /** The daemon has reached the bus: there, and with its streams. */
  joined(where: BusPlace): void;
  close(): Promise<void>;
};

const retryMs = 500;
/** How long the bus may take to answer. */
const answerMs = 5000;

export function createJobBus(yard: string, log: Logger): JobBus {
  let nc: NatsConnection | null = null;
  let answer: ((data: Uint8Array) => Promise<TalkReply | null>) | null = null;
  let closed = false;

  /** How the daemon itself has reached it last; a connection that is lost is made anew by that. */
  let place: BusPlace | null = null;
  let connecting = false;
  /** Said once, not twice a second as long as the bus is away. */
  let complaint = '';

  const connect = async (): Promise<void> => {
    if (connecting) return;
    connecting = true;
    while (!closed && place !== null) {
      const where = place;
      try {
        nc = await connectDaemon(where);
        complaint = '';
        if (answer !== null) answerTalk(nc, yard, answer, log);
        await nc.closed();
      } catch (error) {
        const why = messageOf(error);
        if (why !== complaint) log.warn({ why }, 'jobs cannot be answered over the bus');
        complaint = why;
      }
      nc = null;
      if (!closed) await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
    }
    connecting = false;
  };
  const connection = (): NatsConnection => {
    if (nc !== null && !nc.isClosed()) return nc;
    throw new RunyardError('bus_unavailable', 'the bus is away');
  };

  return {
    serve(act) {
      answer = act;
    },
    joined(where) {
      const same = JSON.stringify(where) === JSON.stringify(place);
      place = where;
      if (!same) void nc?.close().catch(() => undefined);
      void connect();
    },
    async voidClaim(runId, attempt) {
      const subject = createSubject(
        connection,
        subjects(yard).claims(runId),
        streamNames(yard).claims,
      );
      for (;;) {
        const last = await subject.last().catch((cause: unknown) => {
          throw new RunyardError('bus_unavailable', messageOf(cause), { cause });
        });
        const stored = (last?.payload ?? null) as
          | (JobClaim & { attempt: number; void?: boolean })
          | null;
        if (stored !== null && stored.attempt >= attempt)
          return stored.attempt > attempt || stored.void === true ? null : stored;
        const at = new Date().toISOString();
        await subject.publish({ v: 1, run_id: runId, attempt, void: true, at }, last?.seq ?? 0);
      }
    },
    async answers() {
      let callOff: NodeJS.Timeout | undefined;
      const late = new Promise<false>((resolve) => {
        callOff = setTimeout(() => resolve(false), answerMs);
      });
      try {
        return await Promise.race([
          connection()
            .flush()
            .then(() => true),
          late,
        ]);
      } catch {
        return false;
      } finally {
        clearTimeout(callOff);
      }
    },
    async close() {
      closed = true;
      await nc?.close().catch(() => undefined);
    },
  };
}
