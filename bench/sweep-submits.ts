/** A sweep that is acknowledged, on the disk, while nothing can start; against as many submits, each a call of its own. */
import { startYard } from '../test/integration/yard.ts';
import { type Figure, round } from './measure.ts';

const members = 5000;
const alone = 500;
const lanes = 64;

export async function sweepSubmits(): Promise<Figure[]> {
  await using yard = await startYard({
    RUNYARD_PARALLEL: '1',
    RUNYARD_GPUS: 'fake:1',
    RUNYARD_LOG: 'warn',
  });
  const { client, home } = yard;
  const env = { PATH: process.env.PATH ?? '', FILL: 'x'.repeat(3000) };
  const config = (seed: number, group: string) => ({
    command: ['sleep', '3600', '--seed', String(seed)],
    cwd: home,
    group,
    name: `sleep-seed${seed}`,
    params: { seed: String(seed) },
    hold: true,
  });
  let from = performance.now();
  let left = alone;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await client.submit(config(left, 'alone'), { env });
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const each = (1000 * alone) / (performance.now() - from);
  const configs = Array.from({ length: members }, (_, seed) => ({ config: config(seed, 'all') }));
  from = performance.now();
  let count = 0;
  for await (const { created } of client.submitMany(configs, { env })) count += Number(created);
  const together = (1000 * members) / (performance.now() - from);
  if (count !== members) throw new RangeError(`${count} of ${members} runs were made`);
  for (const group of ['all', 'alone']) for await (const _ of client.stopGroup(group));
  return [
    {
      metric: 'submit_per_s',
      unit: '1/s',
      n: members,
      value: round(together),
      baseline: round(each),
      ratio: round(together / each),
    },
  ];
}
