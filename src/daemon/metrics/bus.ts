/** The metrics of runs on the bus, as long as there is one: a reader for each who reads, one watch for all. */
import {
  createStoredReader,
  createStreamWatch,
  type NatsConnection,
  type StreamWatch,
  streamNames,
  subjects,
} from '../../transport/nats/index.ts';
import type { Bus } from './pieces.ts';

/** Of one batch: two of them are what somebody who reads nothing keeps in memory. */
const batchBytes = 1 << 20;

export function createMetricBus(
  yard: string,
  connection: () => NatsConnection | null,
): (runId: string) => Bus | null {
  const stream = streamNames(yard).metrics;
  const of = subjects(yard).metrics;
  let watched: { nc: NatsConnection; watch: StreamWatch } | null = null;
  return (runId) => {
    const nc = connection();
    if (nc === null || nc.isClosed()) return null;
    if (watched?.nc !== nc) {
      watched?.watch.close();
      watched = { nc, watch: createStreamWatch({ nc, stream, subject: of('*') }) };
    }
    const { watch } = watched;
    const subject = of(runId);
    return {
      reader: createStoredReader({ nc, stream, subject, bytes: batchBytes }),
      onMore: (wake) => watch.on(subject, wake),
    };
  };
}
