/**
 * 200 runs as one array of ours against the same 200 tasks in an array by hand, in pairs on one cluster of Slurm. Tasks
 * of some seconds of waiting, as ours cost a start of a worker each, which a task of no length shows at its worst.
 * A run counts until its end is told, a task by hand until its last command.
 */
import fs from 'node:fs';
import path from 'node:path';
import { until } from '../test/integration/yard.ts';
import { slurmTrouble } from '../test/slurm/packages.ts';
import { type SlurmYard, startSlurmYard } from '../test/slurm/yard.ts';
import { type Figure, percentile, round } from './measure.ts';

const tasks = Number(process.env.RUNYARD_BENCH_SLURM_TASKS ?? 200);
const pairs = { real: Number(process.env.RUNYARD_BENCH_SLURM_PAIRS ?? 3), empty: 1 };
/** Of each of three nodes. A machine of two cores has many workers begin at once; a cluster has cores for each. */
const cpus = Number(process.env.RUNYARD_BENCH_SLURM_CPUS ?? 4);
const taskS = Number(process.env.RUNYARD_BENCH_SLURM_S ?? 4);
const patienceMs = 900_000;
const runyard = path.resolve(import.meta.dirname, '../bin/runyard');

export async function slurmArray(): Promise<Figure[]> {
  const trouble = await slurmTrouble();
  if (trouble !== '') {
    console.error(`slurm_array_ratio: ${trouble}`);
    return [];
  }
  const places = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'rsb-'));
  const timed = path.join(places, 'timed');
  // What a worker and all that it waits for cost, as its shell tells: in clock ticks of a hundredth.
  fs.writeFileSync(timed, `#!/bin/sh\n"$@"\ncode=$?\ntimes >> ${places}/cpu\nexit $code\n`, {
    mode: 0o755,
  });
  await using yard = await startSlurmYard(
    { cpus, gpus: 0 },
    { slurm: { command: [timed, runyard] } },
  );
  // Both ways are warm: code is compiled, directories are there.
  await byUs(yard, 12, 0);
  await byHand(yard, places, 12, 0);
  const figures: Figure[] = [];
  for (const [seconds, rounds] of [
    [taskS, pairs.real],
    [0, pairs.empty],
  ] as const)
    figures.push(...(await compare(yard, places, seconds, rounds)));
  // Shells of the last jobs may still write there what they cost.
  fs.rmSync(places, { recursive: true, maxRetries: 20 });
  return figures;
}

async function compare(
  yard: SlurmYard,
  places: string,
  seconds: number,
  rounds: number,
): Promise<Figure[]> {
  const ours: number[] = [];
  const theirs: number[] = [];
  fs.rmSync(path.join(places, 'cpu'), { force: true });
  const daemonFrom = cpuMsOf(yard.daemonPid());
  for (let pair = 0; pair < rounds; pair += 1) {
    theirs.push(await byHand(yard, places, tasks, seconds));
    ours.push(await byUs(yard, tasks, seconds));
  }
  const name = seconds === 0 ? 'slurm_array_empty' : 'slurm_array';
  const [mine, hand] = [percentile(ours, 0.5), percentile(theirs, 0.5)];
  const n = tasks * rounds;
  const daemonMs = (cpuMsOf(yard.daemonPid()) - daemonFrom) / n;
  return [
    {
      metric: `${name}_ratio`,
      unit: 's',
      n,
      value: round(mine),
      baseline: round(hand),
      ratio: round(mine / hand),
      load: `${tasks} tasks of ${seconds} s, ${3 * cpus} at a time, ${rounds} pairs`,
    },
    { metric: `${name}_node_cpu_ms`, unit: 'ms', n, value: round(workersMs(places) / n) },
    { metric: `${name}_daemon_cpu_ms`, unit: 'ms', n, value: round(daemonMs) },
  ];
}

/** Seconds from the submit until the last run is over. */
async function byUs({ client, home }: SlurmYard, count: number, seconds: number): Promise<number> {
  const from = Date.now();
  const config = { command: ['sleep', String(seconds)], cwd: home };
  const requests = Array.from({ length: count }, (_, task) => ({
    config: { ...config, name: `task-${task}`, group: `bench-${from}` },
    key: '',
  }));
  const env = { PATH: process.env.PATH ?? '' };
  for await (const _ of client.submitMany(requests, { env }));
  const over = async (): Promise<boolean> => {
    const { runs_live: live, runs_queued: queued } = await client.health();
    return live + queued === 0;
  };
  await until(over, 'all runs to end', patienceMs);
  let last = from;
  const found = { group: `bench-${from}`, all: true, limit: count };
  for await (const { status, finished_at: at, why } of client.list(found)) {
    if (status !== 'completed') throw new RangeError(`a run did not complete: ${why}`);
    last = Math.max(last, Date.parse(at));
  }
  return (last - from) / 1000;
}

/** Seconds from the submit until the last task has ended. */
async function byHand(
  { slurm }: SlurmYard,
  places: string,
  count: number,
  seconds: number,
): Promise<number> {
  const dir = fs.mkdtempSync(path.join(places, 'hand-'));
  const script = `#!/bin/sh\nsleep ${seconds}\n: > ${dir}/$SLURM_ARRAY_TASK_ID\n`;
  const from = Date.now();
  const array = `--array=0-${count - 1}`;
  await slurm.sbatch([array, '--ntasks=1', '--no-requeue', '-o', `${dir}/%a.out`], script);
  const ended = () => fs.readdirSync(dir).filter((name) => /^\d+$/.test(name));
  await until(() => ended().length === count, 'all tasks to end', patienceMs);
  const last = Math.max(...ended().map((name) => fs.statSync(path.join(dir, name)).mtimeMs));
  return (last - from) / 1000;
}

/** Processor time of a process so far. */
function cpuMsOf(pid: number): number {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Of all workers so far, with their recorders as far as they were waited for. */
function workersMs(places: string): number {
  const lines = fs.readFileSync(path.join(places, 'cpu'), 'utf8').trim().split('\n');
  const times = [...lines.join(' ').matchAll(/(\d+)m([\d.]+)s/g)];
  return times.reduce(
    (sum, [, minutes, s]) => sum + 60_000 * Number(minutes) + 1000 * Number(s),
    0,
  );
}
