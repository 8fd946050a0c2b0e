/** Waits for the end of a run, through the deaths of the daemon. */
import { finalStatuses, type RunSummary } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { Calls } from './calls.ts';
import { eventStream, type StreamOptions } from './streams.ts';

export type Get = (ref: string) => Promise<RunSummary>;

/** Its summary once it is done. Throws what the first question does, and `run_not_found` when it is removed. */
export async function waitForEnd(
  calls: Calls,
  get: Get,
  ref: string,
  how: StreamOptions,
): Promise<RunSummary> {
  const run = await get(ref);
  if (finalStatuses.includes(run.status)) return run;
  // From the last event known, so that a run with a long history costs nothing.
  const rest = { ...how, fromSeq: run.last_seq + 1, untilDone: true };
  for (;;) {
    for await (const _ of eventStream(calls, run.run_id, rest));
    try {
      return await get(run.run_id);
    } catch (error) {
      // It died after the last event: the stream waits for the next one.
      if (!(error instanceof RunyardError && error.retryable) || how.signal?.aborted) throw error;
    }
  }
}
