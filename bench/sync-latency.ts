/** What a synced write costs on this disk: nothing durable can be faster. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Figure, percentile } from './measure.ts';

const rounds = 200;

export async function syncLatency(): Promise<Figure[]> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-bench-'));
  const fd = fs.openSync(path.join(dir, 'file'), 'w');
  const block = Buffer.alloc(4096);
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    fs.writeSync(fd, block);
    const from = performance.now();
    fs.fdatasyncSync(fd);
    times.push(performance.now() - from);
  }
  fs.closeSync(fd);
  fs.rmSync(dir, { recursive: true });
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  return [{ metric: 'fdatasync_ms', unit: 'ms', n: rounds, p50, p99 }];
}
