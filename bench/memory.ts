/** Proportional set size of daemon, bus and one warm worker, after a run. */
import fs from 'node:fs';
import path from 'node:path';
import { startYard, until } from '../test/integration/yard.ts';
import { type Figure, round } from './measure.ts';

export async function memoryPss(): Promise<Figure[]> {
  await using yard = await startYard({ RUNYARD_LOG: 'warn' });
  const go = path.join(yard.home, 'go');
  const command = ['sh', '-c', 'until [ -e "$0" ]; do sleep 0.05; done', go];
  const { run_id: run } = await yard.client.submit({ command, cwd: yard.home });
  // The file goes with the attempt, the process stays warm.
  const worker = await until(() => readPid(yard.attemptFile(run, 'worker.json')), 'the worker');
  fs.writeFileSync(go, '');
  await yard.client.wait(run);
  await until(async () => (await yard.client.health()).bus_connected, 'the bus');
  const bus = readPid(path.join(yard.home, 'bus', 'address.json')) ?? 0;
  const parts = [yard.daemonPid(), bus, worker].map(pssMib);
  const [daemon = 0, server = 0, one = 0] = parts;
  const figure = (metric: string, value: number): Figure => ({
    metric,
    unit: 'MiB',
    n: 1,
    value: round(value),
  });
  return [
    figure('memory_pss_mib', daemon + server + one),
    figure('memory_pss_mib.daemon', daemon),
    figure('memory_pss_mib.bus', server),
    figure('memory_pss_mib.worker', one),
  ];
}

function readPid(file: string): number | null {
  if (!fs.existsSync(file)) return null;
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { identity: { pid: number } }).identity.pid;
}

function pssMib(pid: number): number {
  const rollup = fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) / 1024;
}
