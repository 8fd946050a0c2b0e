/** Clients that call again until there is an answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RunyardError } from '../../src/errors.ts';

const retryMs = 60;

/** Refusals that no retry can heal are thrown. */
export async function tenaciously<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof RunyardError) || !mayRetry(error)) throw error;
      await sleep(retryMs);
    }
  }
}

/** A daemon that dies in the middle of a call comes out as one of several statuses. */
function mayRetry(error: RunyardError): boolean {
  if (error.retryable) return true;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return error.code === 'internal' && [1, 2, 13, 14].includes(Number(code));
}
