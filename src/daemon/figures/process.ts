/** The daemon's own process: its event loop, memory and CPU, by OpenTelemetry's names. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Instruments } from '../../telemetry/metrics/index.ts';

const nsPerS = 1e9;
const usPerS = 1e6;
/** Resolution of the timer by which the delay is measured, milliseconds. */
const resolution = 20;

/** Returns what records them now. The loop's delay is that since the last time; nobody pays for it before the first. */
export function createProcessFigures(record: Instruments['record']): () => void {
  const delay = monitorEventLoopDelay({ resolution });
  const startedS = Date.now() / 1000 - process.uptime();
  let cpu = { user: 0, system: 0 };
  return () => {
    // What it measures includes the timer's own period.
    const beyond = (ns: number): number =>
      delay.count === 0 ? 0 : Math.max(0, ns / nsPerS - resolution / 1000);
    record('nodejs.eventloop.delay.p50', beyond(delay.percentile(50)));
    record('nodejs.eventloop.delay.p99', beyond(delay.percentile(99)));
    record('nodejs.eventloop.delay.max', beyond(delay.max));
    delay.reset();
    delay.enable();
    const now = process.cpuUsage();
    record('process.cpu.time', (now.user - cpu.user) / usPerS, { 'cpu.mode': 'user' });
    record('process.cpu.time', (now.system - cpu.system) / usPerS, { 'cpu.mode': 'system' });
    cpu = now;
    record('process.memory.usage', process.memoryUsage.rss());
    record('process.start_time', startedS);
  };
}
