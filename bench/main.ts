/** `npm run bench [name…] [-- --json]`: figures, each with its baseline measured in the same run. */
import { logFlood } from './log-flood.ts';
import { print } from './measure.ts';
import { memoryPss } from './memory.ts';
import { runsPerSecond } from './runs-per-second.ts';
import { submitToStart } from './submit-to-start.ts';
import { syncLatency } from './sync-latency.ts';

const benches = {
  fdatasync_ms: syncLatency,
  submit_to_start_ms: submitToStart,
  runs_per_s: runsPerSecond,
  memory_pss_mib: memoryPss,
  log_flood_ratio: logFlood,
};

const args = process.argv.slice(2);
const json = args.includes('--json');
const names = args.filter((arg) => !arg.startsWith('--'));
for (const name of names) {
  if (name in benches) continue;
  console.error(`no bench "${name}"; there are: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(benches)) {
  if (names.length > 0 && !names.includes(name)) continue;
  if (!json) console.error(`measuring ${name} …`);
  print(await bench(), json);
}
