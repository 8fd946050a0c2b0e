/**
 * `npm run bench [name…] [-- --json] [-- --gate]`: figures, each with its baseline measured in the same run.
 * With `--gate` those that have a bound (bounds.ts), and 1 when one is broken.
 */
import { bounds, brokenBound } from './bounds.ts';
import { commitLatency } from './commit.ts';
import { consolePage } from './console.ts';
import { lineToSubscriber } from './line-to-subscriber.ts';
import { logFlood } from './log-flood.ts';
import { print } from './measure.ts';
import { memoryPss } from './memory.ts';
import { pointsPerSecond, replayPerSecond } from './points.ts';
import { readopt } from './readopt.ts';
import { runsPerSecond } from './runs-per-second.ts';
import { schedule } from './schedule.ts';
import { slurmArray } from './slurm.ts';
import { submitToStart } from './submit-to-start.ts';
import { submitsPerSecond } from './submits-per-second.ts';
import { sweepSubmits } from './sweep-submits.ts';
import { syncLatency } from './sync-latency.ts';
import { traceLatency } from './traces.ts';

const benches = {
  fdatasync_ms: syncLatency,
  submit_to_start_ms: submitToStart,
  runs_per_s: runsPerSecond,
  submits_per_s: submitsPerSecond,
  submit_per_s: sweepSubmits,
  commit_ms: commitLatency,
  schedule_ms: schedule,
  readopt_ms: readopt,
  memory_pss_mib: memoryPss,
  log_flood_ratio: logFlood,
  points_per_s: pointsPerSecond,
  replay_per_s: replayPerSecond,
  line_to_subscriber_ms: lineToSubscriber,
  console: consolePage,
  transition_ms: traceLatency,
  slurm_array_ratio: slurmArray,
};

const args = process.argv.slice(2);
const json = args.includes('--json');
const gate = args.includes('--gate');
const names = args.filter((arg) => !arg.startsWith('--'));
for (const name of names) {
  if (name in benches) continue;
  console.error(`no bench "${name}"; there are: ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
for (const [name, bench] of Object.entries(benches)) {
  if (names.length > 0 && !names.includes(name)) continue;
  if (gate && names.length === 0 && !(name in bounds)) continue;
  if (!json) console.error(`measuring ${name} …`);
  const figures = await bench();
  print(figures, json);
  if (!gate) continue;
  for (const broken of figures.map(brokenBound).filter((text) => text !== null)) {
    console.error(`broken: ${broken}`);
    process.exitCode = 1;
  }
}
