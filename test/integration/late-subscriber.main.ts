/** `npm run late [-- --points N]`: a subscriber that joins after a million points, in the midst of kills. */
import { parseArgs } from 'node:util';
import { joinLate } from './late-subscriber.ts';
import { startYard } from './yard.ts';

const { values } = parseArgs({ options: { points: { type: 'string', default: '1000000' } } });
await using yard = await startYard({ RUNYARD_LOG: 'warn' }, { settings: { bus_limit_mib: 4096 } });
const found = await joinLate(yard, Number(values.points));
console.log(JSON.stringify(found));
const { count, expected, wrong, gaps, live } = found;
if (count !== expected || wrong !== 0 || gaps !== 0 || live !== 1) process.exitCode = 1;
