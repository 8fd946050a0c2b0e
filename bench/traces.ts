/**
 * What a transition takes with no collector, with one that takes everything, and with one that answers nobody: three
 * daemons side by side, that get a run each in turn, so that the machine's mood is the same for all of them.
 */
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { startYard, until, type Yard } from '../test/integration/yard.ts';
import { type Figure, percentile, round } from './measure.ts';

const runs = 40;
const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
const manners = ['no_collector', 'collector', 'stopped_collector'] as const;
type Manner = (typeof manners)[number];
type Side = { manner: Manner; yard: Yard; took: number[]; close(): Promise<void> };

export async function traceLatency(): Promise<Figure[]> {
  const sides: Side[] = [];
  try {
    for (const manner of manners) sides.push(await begin(manner));
    // The first ones are those of a cold daemon.
    for (let run = -3; run < runs; run += 1) {
      for (const { yard, took } of sides) {
        const ms = await once(yard);
        if (run >= 0) took.push(ms);
      }
    }
    const means = await Promise.all(sides.map(({ yard }) => transitionMs(yard)));
    const [none] = sides;
    return sides.flatMap(({ manner, took }, index) => {
      const [p50, p99] = [percentile(took, 0.5), percentile(took, 0.99)];
      const baseline = percentile(none?.took ?? [], 0.5);
      const value = round(means[index] ?? 0);
      const plain = round(means[0] ?? 0);
      return [
        {
          metric: `transition_ms_${manner}`,
          unit: 'ms',
          n: took.length,
          value,
          baseline: plain,
          ratio: round(value / plain),
        },
        {
          metric: `run_ms_${manner}`,
          unit: 'ms',
          n: took.length,
          p50,
          p99,
          baseline,
          ratio: round(p50 / baseline),
        },
      ];
    });
  } finally {
    for (const side of sides) await side.close();
  }
}

async function begin(manner: Manner): Promise<Side> {
  const collector = http.createServer((request, response) => {
    request.resume();
    if (manner === 'collector') request.on('end', () => response.end());
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
  const yard = await startYard(manner === 'no_collector' ? {} : endpoint);
  await until(async () => (await yard.client.health()).console !== '', 'the console', 60_000);
  return {
    manner,
    yard,
    took: [],
    async close() {
      await yard[Symbol.asyncDispose]();
      collector.closeAllConnections();
      await new Promise((resolve) => collector.close(resolve));
    },
  };
}

/** Milliseconds from the submit of a run to its end: a dozen transitions, each waiting for its commit. */
async function once({ client }: Yard): Promise<number> {
  const from = performance.now();
  const { run_id: run } = await client.submit({ command: ['true'], cwd: '/' }, { env });
  await client.wait(run);
  return performance.now() - from;
}

/** Mean of all transitions, as the daemon itself has measured them. */
async function transitionMs({ home, client }: Yard): Promise<number> {
  const { console: address } = await client.health();
  const authorization = `Bearer ${fs.readFileSync(path.join(home, 'scrape.token'), 'utf8')}`;
  const answer = await fetch(`http://${address}/metrics`, { headers: { authorization } });
  const text = await answer.text();
  const of = (suffix: string): number =>
    Number(
      new RegExp(`^runyard_transition_duration_seconds_${suffix} (\\S+)$`, 'm').exec(text)?.[1],
    );
  return (1000 * of('sum')) / of('count');
}
