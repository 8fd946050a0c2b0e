/** Trivial runs from the first submit to the last end, eight at a time; and the same through other queues. */
import { execa } from 'execa';
import { startYard, until } from '../test/integration/yard.ts';
import { type Figure, round } from './measure.ts';
import { peers } from './peers.ts';

const runs = 1000;
const parallel = 8;

export async function runsPerSecond(): Promise<Figure[]> {
  await using yard = await startYard({ RUNYARD_PARALLEL: String(parallel), RUNYARD_LOG: 'warn' });
  const inLanes = async (count: number, start: () => Promise<unknown>): Promise<void> => {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await start();
      }
    };
    await Promise.all(Array.from({ length: parallel }, lane));
  };
  const ours = async (count: number): Promise<number> => {
    const from = performance.now();
    await inLanes(count, () => yard.client.submit({ command: ['true'], cwd: yard.home }));
    await until(
      async () => {
        const { runs_live: live, runs_queued: queued } = await yard.client.health();
        return live + queued === 0;
      },
      'all runs to end',
      600_000,
    );
    return (1000 * count) / (performance.now() - from);
  };
  // Workers warm up with the first ones.
  await ours(parallel * 2);
  const rate = await ours(runs);
  const from = performance.now();
  await inLanes(runs, () => execa('true'));
  const bare = (1000 * runs) / (performance.now() - from);
  const figures: Figure[] = [
    {
      metric: 'runs_per_s',
      unit: '1/s',
      n: runs,
      value: round(rate),
      baseline: round(bare),
      ratio: round(rate / bare),
    },
  ];
  for (const peer of peers) {
    const theirs = await peer.rate(runs, parallel);
    const metric = `runs_per_s (${peer.name})`;
    if (theirs === null) console.error(`${metric}: not installed`);
    else figures.push({ metric, unit: '1/s', n: runs, value: round(theirs) });
  }
  return figures;
}
