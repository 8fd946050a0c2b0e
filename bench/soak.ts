/**
 * `npm run soak [-- --runs N] [--parallel N]`: F6 in full, 10,000 runs in a row unless told otherwise.
 * Prints what the registry's log grew to and exits 1 when it passed its cap or a run did not complete.
 */
import { parseArgs } from 'node:util';
import { runMany, walCapBytes } from '../test/integration/many-runs.ts';
import { startYard } from '../test/integration/yard.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    parallel: { type: 'string', default: '8' },
  },
});
const [runs, parallel] = [Number(values.runs), Number(values.parallel)];
await using yard = await startYard({ RUNYARD_PARALLEL: String(parallel), RUNYARD_LOG: 'warn' });
const found = await runMany(yard, runs, parallel, (done) => {
  if (done % 500 === 0) process.stderr.write(`${done} of ${runs} runs are over\n`);
});
const { completed, seconds, walBytesMax, transitions, events } = found;
console.log(JSON.stringify({ ...found, runs_per_s: Number((runs / seconds).toPrecision(4)) }));
if (completed !== runs || walBytesMax > walCapBytes || transitions !== events) process.exitCode = 1;
