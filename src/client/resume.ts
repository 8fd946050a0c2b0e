/** Streams that outlive their connection: opened again where they stopped, until they are whole. */
import { setTimeout as delay } from 'node:timers/promises';
import type { RunyardError } from '../errors.ts';

export type Attempt<T> = {
  /** One connection's worth of items. Ends, or throws. */
  open(): AsyncIterable<T>;
  failure(error: unknown): RunyardError;
  /** Whether an end that was no error is the end of the whole. */
  finished(): boolean;
  signal: AbortSignal | undefined;
  /** Told once for each lost connection. */
  onDisconnect: ((error: RunyardError) => void) | undefined;
};

const backoffMs = { first: 50, most: 2000 };

/** Ends by itself, or quietly when `signal` is aborted. Throws what trying again cannot heal. */
export async function* resuming<T>(attempt: Attempt<T>): AsyncGenerator<T> {
  const { signal } = attempt;
  let waitMs = backoffMs.first;
  let told = false;
  for (;;) {
    try {
      for await (const item of attempt.open()) {
        waitMs = backoffMs.first;
        told = false;
        yield item;
      }
      if (attempt.finished() || signal?.aborted) return;
    } catch (error) {
      if (signal?.aborted) return;
      const failure = attempt.failure(error);
      if (!isConnectionLoss(failure, error)) throw failure;
      if (!told) attempt.onDisconnect?.(failure);
      told = true;
    }
    await delay(waitMs, undefined, { signal: signal as AbortSignal }).catch(() => undefined);
    if (signal?.aborted) return;
    waitMs = Math.min(2 * waitMs, backoffMs.most);
  }
}

/** gRPC statuses that a daemon's death in the middle of a stream comes out as. */
const lossCodes: readonly unknown[] = [1, 2, 13, 14];

function isConnectionLoss(failure: RunyardError, error: unknown): boolean {
  if (failure.retryable) return true;
  if (failure.code === 'tls_failed') return false;
  const { code, metadata } = (error ?? {}) as {
    code?: unknown;
    metadata?: { get(key: string): unknown[] };
  };
  const typed = (metadata?.get('grpc-status-details-bin').length ?? 0) > 0;
  return !typed && lossCodes.includes(code);
}
