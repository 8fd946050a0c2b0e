/** `npm run fuzz [-- --seconds 60] [--seed N]`: each reader of points for so long. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fuzzOnce, parsers } from './fuzz.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
});
const memoryMostMib = 400;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-fuzz-'));
for (const parser of parsers) {
  const until = performance.now() + 1000 * Number(values.seconds);
  let seed = Number(values.seed);
  let slowestMs = 0;
  for (; performance.now() < until; seed += 1) {
    const from = performance.now();
    fuzzOnce(parser, seed, dir);
    slowestMs = Math.max(slowestMs, performance.now() - from);
  }
  const rssMib = Math.round(process.memoryUsage.rss() / 2 ** 20);
  const inputs = seed - Number(values.seed);
  console.log(
    JSON.stringify({ parser, inputs, slowest_ms: Math.round(slowestMs), rss_mib: rssMib }),
  );
  if (rssMib > memoryMostMib) process.exitCode = 1;
}
fs.rmSync(dir, { recursive: true });
