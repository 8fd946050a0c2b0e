/** Tells the bus, once, that the artifacts of an attempt were taken. A later worker finds it told. */
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
  taken: Pick<Taken, 'manifest' | 'artifacts' | 'bytes'>,
  clock: Clock,
): Promise<void> {
  const giveUpAt = clock.now().mono_ms + patienceMs;
  const { manifest, artifacts: count, bytes } = taken;
  const at = clock.iso();
  const message: ArtifactsMessage = { v: 1, yard, run_id, attempt, at, manifest, count, bytes };
  while (clock.now().mono_ms < giveUpAt) {
    try {
      const last = await subject.last();
      const told = (last?.payload as ArtifactsMessage | undefined)?.attempt ?? 0;
      if (told >= attempt) return;
      if ((await subject.publish(message, last?.seq ?? 0)) !== null) return;
    } catch {
      // The bus is away.
    }
    await new Promise<void>((resolve) => void clock.after(retryMs, resolve));
  }
}
