/**
 * Tells the bus that artifacts of an attempt were taken: now and then while it goes on, and surely once at its
 * end. A later worker finds it told.
 */
import type { ArtifactsMessage } from '../contracts/index.ts';
import type { Clock } from '../telemetry/index.ts';
import type { Taken } from './artifacts.ts';
import type { WorkerConfig } from './config.ts';
import type { Subject } from './outlet.ts';

/** What the bus has not taken this long after the end is in the store's manifest alone. */
const patienceMs = 600_000;
const retryMs = 500;

/** Resolves when it is told, or when the bus was away for too long. Never throws. */
export async function announce(
  subject: Subject,
  { yard, run_id, attempt }: WorkerConfig,
  taken: Pick<Taken, 'manifest' | 'artifacts' | 'bytes' | 'revision' | 'complete'>,
  clock: Clock,
): Promise<void> {
  const giveUpAt = clock.now().mono_ms + patienceMs;
  const { manifest, artifacts: count, bytes, revision = 1, complete = true } = taken;
  const at = clock.iso();
  const about = { run_id, attempt, at, manifest, count, bytes, revision, complete };
  const message: ArtifactsMessage = { v: 1, yard, ...about };
  do {
    try {
      const last = await subject.last();
      if (isTold((last?.payload ?? null) as ArtifactsMessage | null, message)) return;
      if ((await subject.publish(message, last?.seq ?? 0)) !== null) return;
    } catch {
      // The bus is away.
    }
    // What comes later says the same and more.
    if (!complete) return;
    await new Promise<void>((resolve) => void clock.after(retryMs, resolve));
  } while (clock.now().mono_ms < giveUpAt);
}

/** Whether the last message says what this one does, or more. */
function isTold(last: ArtifactsMessage | null, message: ArtifactsMessage): boolean {
  if (last === null || last.attempt !== message.attempt)
    return last !== null && last.attempt > message.attempt;
  return last.complete !== false || (last.revision ?? 0) >= (message.revision ?? 0);
}
