/** Loaded into the daemon before it begins: how long its event loop kept others waiting, told at each SIGUSR2. */
import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 1;
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();
process.on('SIGUSR2', () => {
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs);
  const told = {
    p50: ms(delays.percentile(50)),
    p99: ms(delays.percentile(99)),
    max: ms(delays.max),
  };
  const file = `${process.env.RUNYARD_BENCH_DELAYS}.${process.pid}`;
  fs.writeFileSync(`${file}.new`, JSON.stringify(told));
  fs.renameSync(`${file}.new`, file);
  delays.reset();
});
