/** Takes a run's messages off the streams. */
import type { NatsConnection } from '@nats-io/transport-node';
import { RunyardError } from '../../errors.ts';
import { type StreamKind, streamNames, subjects } from './names.ts';

const timeoutMs = 5000;

/** All but its last event. Returns how many there were. */
export async function purgeRun(nc: NatsConnection, yard: string, runId: string): Promise<number> {
  let messages = 0;
  for (const [kind, stream] of Object.entries(streamNames(yard)) as [StreamKind, string][]) {
    const filter = subjects(yard)[kind](runId);
    const request = kind === 'events' ? { filter, keep: 1 } : { filter };
    const reply = await nc.request(`$JS.API.STREAM.PURGE.${stream}`, JSON.stringify(request), {
      timeout: timeoutMs,
    });
    const answer = JSON.parse(reply.string()) as {
      purged?: number;
      error?: { description: string };
    };
    if (answer.error !== undefined) {
      const text = `messages of run ${runId} were not purged: ${answer.error.description}`;
      throw new RunyardError('bus_unavailable', text);
    }
    messages += answer.purged ?? 0;
  }
  return messages;
}
