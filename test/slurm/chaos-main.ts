/** `npm run chaos:slurm -- [--runs 50] [--seed N] [--open 8]`: one round, its table, and 1 when anything is wrong. */
import { parseArgs } from 'node:util';
import { complaintsOf, slurmChaos } from './chaos.ts';
import { tableOf } from './chaos-table.ts';
import { slurmTrouble } from './packages.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    open: { type: 'string', default: '8' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const trouble = await slurmTrouble();
if (trouble !== '') {
  console.error(`skipped: ${trouble}`);
  process.exit(2);
}
const seed = Number(values.seed);
console.log(`seed ${seed}`);
const report = await slurmChaos({
  seed,
  runs: Number(values.runs),
  open: Number(values.open),
  everyMs: 1000,
  killMs: 600_000,
  settleMs: 180_000,
  progress: (text) => console.log(text),
});
console.log(`\n${tableOf(report, seed)}`);
if (process.env.RUNYARD_CHAOS_STORIES === '1')
  for (const story of report.stories) console.log(`\n${story}`);
for (const note of report.notes) console.log(`· ${note}`);
const complaints = complaintsOf(report);
for (const complaint of complaints) console.log(`✖ ${complaint}`);
process.exit(complaints.length === 0 ? 0 : 1);
