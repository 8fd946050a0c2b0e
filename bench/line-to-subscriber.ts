/** From a line that a trainer prints to a client that follows its points; against the line through a pipe. */
import readline from 'node:readline';
import { execa } from 'execa';
import { startYard } from '../test/integration/yard.ts';
import { type Figure, percentile, round } from './measure.ts';

const lines = 300;
/** Prints when it prints, at moments that are no multiple of anything. */
const printing = `
import random, sys, time
for i in range(${lines}):
    time.sleep(random.uniform(0.02, 0.3))
    print(f"step={i} at={time.time()}", flush=True)`;

export async function lineToSubscriber(): Promise<Figure[]> {
  await using yard = await startYard({ RUNYARD_LOG: 'warn' });
  const now = (): number => performance.timeOrigin + performance.now();
  const command = ['python3', '-c', printing];
  const piped: number[] = [];
  const bare = async (): Promise<void> => {
    const child = execa('python3', command.slice(1), { buffer: false });
    for await (const line of readline.createInterface({ input: child.stdout }))
      piped.push(now() - 1000 * Number(/at=(.*)/.exec(line)?.[1]));
    await child;
  };
  const ours: number[] = [];
  const through = async (): Promise<void> => {
    const { run_id: run } = await yard.client.submit({ command, cwd: yard.home });
    const points = yard.client.metrics(run, { follow: true, key: 'at' });
    for await (const batch of points)
      for (const { value } of batch.points) ours.push(now() - 1000 * value);
  };
  await bare();
  await through();
  const [p50, p99] = [percentile(ours, 0.5), percentile(ours, 0.99)];
  const baseline = percentile(piped, 0.5);
  const ratio = round(p50 / baseline);
  return [
    { metric: 'line_to_subscriber_ms', unit: 'ms', n: ours.length, p50, p99, baseline, ratio },
  ];
}
