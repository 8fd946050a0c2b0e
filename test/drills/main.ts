/** `npm run drills [-- NAME…]`: provokes each failure, follows its page, checks that nothing is lost, prints a table. */
import { execa } from 'execa';
import { runDrill } from './drill.ts';
import { drills } from './drills.ts';
import { isPassed, tableOf, verdictOf } from './table.ts';

const names = process.argv.slice(2);
const unknown = names.filter((name) => !drills.some((drill) => drill.name === name));
if (unknown.length > 0) {
  console.log(
    `no drill: ${unknown.join(', ')}; there are: ${drills.map((d) => d.name).join(', ')}`,
  );
  process.exit(2);
}
const commit = await execa('git', ['rev-parse', '--short', 'HEAD'], {
  cwd: import.meta.dirname,
  reject: false,
});
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
const results = [];
for (const drill of drills) {
  if (stop.signal.aborted || (names.length > 0 && !names.includes(drill.name))) continue;
  console.log(`${drill.name}: ${drill.provoked} …`);
  const result = await runDrill(drill, stop.signal);
  results.push(result);
  console.log(`  ${verdictOf(result)}`);
  for (const lost of result.lost) console.log(`  ✖ lost: ${lost}`);
  if (result.failure !== null) console.log(`  ✖ ${result.failure}`);
}
console.log(`\n${tableOf(results, commit.stdout || 'unknown')}`);
process.exit(results.every(isPassed) ? 0 : 1);
