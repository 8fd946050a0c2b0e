/** `npm run chaos -- --kills 1000 [--seed N] [--live 20]`: kills, checks, prints its table, and leaves nothing. */
import { parseArgs } from 'node:util';
import { chaos } from './chaos.ts';
import { complaintsOf, tableOf } from './table.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    live: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const seed = Number(values.seed);
console.log(`seed ${seed}`);
const report = await chaos({
  seed,
  kills: Number(values.kills),
  live: Number(values.live),
  armedMs: 20_000,
  together: 5,
  settleMs: 180_000,
  progress: (text) => console.log(text),
  signal: stop.signal,
});
console.log(`\n${tableOf(report, seed)}`);
const complaints = complaintsOf(report);
for (const complaint of complaints) console.log(`✖ ${complaint}`);
if (report.kept !== null && process.env.RUNYARD_CHAOS_KEEP === '1')
  console.log(`kept: ${report.kept}`);
process.exit(complaints.length === 0 ? 0 : 1);
