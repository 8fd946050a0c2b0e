/** From the start of a daemon's process until it serves, 100 runs of its dead predecessor taken up. */
import { startYard, until } from '../test/integration/yard.ts';
import { type Figure, percentile, round } from './measure.ts';

const runs = 100;
const rounds = 5;

export async function readopt(): Promise<Figure[]> {
  await using yard = await startYard({ RUNYARD_PARALLEL: String(runs), RUNYARD_LOG: 'warn' });
  const restart = async (): Promise<number> => {
    await yard.crash();
    const from = performance.now();
    await yard.up();
    return performance.now() - from;
  };
  const empty: number[] = [];
  for (let each = 0; each < rounds; each += 1) empty.push(await restart());
  await until(() => yard.client.health().catch(() => null), 'the daemon', 60_000);
  const config = { command: ['sleep', '3600'], cwd: yard.home };
  const ids: string[] = [];
  for (let each = 0; each < runs; each += 1) ids.push((await yard.client.submit(config)).run_id);
  const isLive = async (id: string) => (await yard.client.get(id)).state === 'running.live';
  for (const id of ids) await until(() => isLive(id), `${id} to be live`, 300_000);
  const full: number[] = [];
  for (let each = 0; each < rounds; each += 1) {
    full.push(await restart());
    const health = await until(() => yard.client.health().catch(() => null), 'it', 60_000);
    if (health.runs_live !== runs) throw new Error(`${health.runs_live} of ${runs} runs live`);
  }
  const [p50, p99] = [percentile(full, 0.5), percentile(full, 0.99)];
  const baseline = percentile(empty, 0.5);
  const ratio = round(p50 / baseline);
  return [{ metric: 'readopt_ms', unit: 'ms', n: rounds, p50, p99, baseline, ratio }];
}
