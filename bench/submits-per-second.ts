/** Submits that are acknowledged, on the disk, while nothing can start; against calls that store nothing. */
import { startYard } from '../test/integration/yard.ts';
import { type Figure, round } from './measure.ts';

// Fewer than a list shows at once: the yard is cleared by stopping what it lists.
const submits = 900;
const lanes = 16;

export async function submitsPerSecond(): Promise<Figure[]> {
  await using yard = await startYard({
    RUNYARD_PARALLEL: '1',
    RUNYARD_GPUS: 'fake:1',
    RUNYARD_LOG: 'warn',
  });
  const config = { command: ['sleep', '3600'], cwd: yard.home };
  await yard.client.submit({ ...config, gpus: 1 });
  const rate = async (call: () => Promise<unknown>): Promise<number> => {
    let left = submits;
    const from = performance.now();
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await call();
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return (1000 * submits) / (performance.now() - from);
  };
  const bare = await rate(() => yard.client.health());
  const ours = await rate(() => yard.client.submit(config));
  return [
    {
      metric: 'submits_per_s',
      unit: '1/s',
      n: submits,
      value: round(ours),
      baseline: round(bare),
      ratio: round(ours / bare),
    },
  ];
}
