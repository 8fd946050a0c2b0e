/** How far a stream is, and what it has stored: for whoever measures it. */
import type { NatsConnection } from '@nats-io/transport-node';
import { type StreamKind, streamNames } from './names.ts';

export type StreamState = { kind: StreamKind; made: string; lastSeq: number; bytes: number };

const answerMs = 1000;

/** Of all streams of a yard; one that does not answer in time is left out. */
export async function streamStates(nc: NatsConnection, yard: string): Promise<StreamState[]> {
  const names = Object.entries(streamNames(yard)) as [StreamKind, string][];
  const found = await Promise.all(
    names.map(async ([kind, name]): Promise<StreamState | null> => {
      try {
        const reply = await nc.request(`$JS.API.STREAM.INFO.${name}`, '', { timeout: answerMs });
        const { created, state } = reply.json<{
          created: string;
          state: { last_seq: number; bytes: number };
        }>();
        return { kind, made: created, lastSeq: state.last_seq, bytes: state.bytes };
      } catch {
        return null;
      }
    }),
  );
  return found.filter((each) => each !== null);
}
