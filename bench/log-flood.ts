/** 1 GB of output through a run, as fast as it is taken, against the same into `cat >/dev/null`. */
import fs from 'node:fs';
import { execa } from 'execa';
import { startYard } from '../test/integration/yard.ts';
import { type Figure, percentile, round } from './measure.ts';

const bytes = 1_000_000_000;
const rounds = 3;
const flood = ['sh', '-c', 'yes "$0" | head -c "$1"', 'x'.repeat(119), String(bytes)];

export async function logFlood(): Promise<Figure[]> {
  await using yard = await startYard({ RUNYARD_LOG: 'warn' });
  const bare: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const from = performance.now();
    // With standard output at /dev/null, `head` alone would be the fastest of all.
    await execa('sh', ['-c', '"$@" | cat >/dev/null', 'sh', ...flood]);
    bare.push(performance.now() - from);
    const { run_id: run } = await yard.client.submit({ command: flood, cwd: yard.home });
    await yard.client.wait(run);
    const { wall_ms: ms } = JSON.parse(fs.readFileSync(yard.attemptFile(run, 'exit'), 'utf8'));
    ours.push(ms);
  }
  const [value, baseline] = [percentile(ours, 0.5), percentile(bare, 0.5)];
  const ratio = round(value / baseline);
  return [{ metric: 'log_flood_ratio', unit: 'ms', n: rounds, value, baseline, ratio }];
}
