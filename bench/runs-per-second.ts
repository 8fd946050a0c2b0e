/** Trivial runs from submit to done, eight at a time. */
import { execa } from 'execa';
import { startYard } from '../test/integration/yard.ts';
import { type Figure, round } from './measure.ts';

const runs = 500;
const parallel = 8;

export async function runsPerSecond(): Promise<Figure[]> {
  await using yard = await startYard({ RUNYARD_PARALLEL: String(parallel), RUNYARD_LOG: 'warn' });
  const all = async (start: () => Promise<unknown>): Promise<number> => {
    let left = runs;
    const from = performance.now();
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await start();
      }
    };
    await Promise.all(Array.from({ length: parallel }, lane));
    return (1000 * runs) / (performance.now() - from);
  };
  const through = async (): Promise<void> => {
    const { run_id } = await yard.client.submit({ command: ['true'], cwd: yard.home });
    await yard.client.wait(run_id);
  };
  // Workers warm up with the first ones.
  await Promise.all(Array.from({ length: parallel * 2 }, through));
  const ours = await all(through);
  const bare = await all(() => execa('true'));
  return [
    {
      metric: 'runs_per_s',
      unit: '1/s',
      n: runs,
      value: round(ours),
      baseline: round(bare),
      ratio: round(ours / bare),
    },
  ];
}
