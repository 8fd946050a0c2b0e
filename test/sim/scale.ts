/**
 * `npm run sim:scale`: a yard of many nodes on simulated time. The daemon's own supervisor, charts, allocator,
 * registry (SQLite, in memory where there is /dev/shm) and heartbeats; the cluster, its workers and the bus are simulated, and nothing fails.
 * Prints what it cost, as a table of docs/scale.md has it. CPU time is this process's: the machine may be busy.
 *
 *   --runs 20000 --nodes 1000 --seconds 300   runs, jobs at once, and how long each of them trains
 *   --executor slurm|yard                     who gives out places: the cluster, or the yard's allocator with a GPU a node
 *   --at-once 0                               of their group; 0: all are handed over
 *   --drained                                 the yard starts nothing until all are submitted, and then all at once
 *   --restart                                 the registry is opened anew when half of them are over
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { newRow, runInput } from '../../src/actors/submission.ts';
import type { TrainRunConfig } from '../../src/contracts/index.ts';
import {
  createCheckpointer,
  createGuard,
  createRunStore,
  openDatabase,
} from '../../src/persistence/index.ts';
import { createCluster } from './scale-cluster.ts';
import { createYard, threadCpuMs } from './scale-yard.ts';
import { clockOf, createSchedule } from './schedule.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' },
    nodes: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '300' },
    executor: { type: 'string', default: 'slurm' },
    'at-once': { type: 'string', default: '0' },
    restart: { type: 'boolean', default: false },
    drained: { type: 'boolean', default: false },
    dir: { type: 'string', default: fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir() },
  },
});
const [runs, nodes, seconds] = [values.runs, values.nodes, values.seconds].map(Number) as [
  number,
  number,
  number,
];
const atOnce = Number(values['at-once']);
const elsewhere = values.executor === 'slurm';
/** As the daemon stores many that come in one call. */
const partRuns = 32;
const walCapBytes = 64 * 2 ** 20;

const dir = fs.mkdtempSync(path.join(values.dir, 'runyard-scale-'));
const file = path.join(dir, 'registry.db');
const schedule = createSchedule();
const machine = { bootId: () => 'boot', bootedAt: () => 0, wallMs: () => 1.8e12 + schedule.now() };
const config: TrainRunConfig = {
  command: ['python', 'train.py', '--env-id', 'CartPole-v1'],
  cwd: '/home/ana/project',
  group: 'scale',
  ...(elsewhere ? { executor: 'slurm' } : { gpus: 1, executor: 'local' }),
  ...(atOnce > 0 ? { at_once: atOnce } : {}),
};

function open() {
  const life = { name: 'daemon', dead: false };
  const clock = clockOf(schedule, life, machine);
  const db = openDatabase(file);
  const guard = createGuard({
    file,
    freeBytes: () => Number.MAX_SAFE_INTEGER,
    makeRoom: () => false,
    onCommit: () => checkpointer.committed(),
  });
  const checkpointer = createCheckpointer({
    db,
    file,
    clock,
    everyMs: 30_000,
    growBytes: walCapBytes / 4,
    capBytes: walCapBytes,
    onError: (error) => {
      throw error;
    },
  });
  const store = createRunStore(db, guard);
  const yard = createYard({ store, clock, cluster, nodes, elsewhere, drained: () => drained });
  return { life, db, checkpointer, store, yard };
}

const cluster = createCluster({ schedule, nodes, trainMs: 1000 * seconds });
let drained = values.drained;
let daemon = open();
const longest = { decisionMs: 0, turnMs: 0, recoverMs: 0 };
const heapMost = { bytes: 0 };

/** Everything that is due, until nothing is left of the runs; returns false when nothing moves any more. */
function turn(): boolean {
  const from = threadCpuMs();
  const went = schedule.step();
  longest.turnMs = Math.max(longest.turnMs, threadCpuMs() - from);
  longest.decisionMs = Math.max(longest.decisionMs, daemon.yard.decisionMs());
  return went;
}

const began = { cpu: process.cpuUsage(), at: performance.now() };
let restarted = !values.restart;

function restart(): void {
  restarted = true;
  const over = daemon.yard.ended();
  daemon.life.dead = true;
  daemon.yard.close();
  daemon.checkpointer.close();
  daemon.db.close();
  const from = performance.now();
  daemon = open();
  daemon.yard.recover(over);
  longest.recoverMs = performance.now() - from;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage(began.cpu);
  return (user + system) / 1000;
}

function submitAll(): void {
  for (let made = 0; made < runs; ) {
    const part = Array.from({ length: Math.min(partRuns, runs - made) }, (_, index) => {
      const runId = `r${String(made + index).padStart(7, '0')}`;
      const request = { key: '', user: 'ana', traceparent: '' };
      const row = newRow(
        runId,
        config,
        'digest',
        request,
        new Date(machine.wallMs()).toISOString(),
      );
      const input = runInput(runId, config, { graceS: 30, killPatienceS: 60 }, null);
      return { row: { ...row, retry_of: null }, input };
    });
    daemon.yard.supervisor.addAll(part);
    made += part.length;
    // What a call's next part waits for: what is due now goes first.
    while (schedule.next() <= schedule.now()) turn();
  }
}

function runAll(): void {
  let looked = 0;
  while (daemon.yard.ended() < runs) {
    if (!turn())
      throw new Error(`${daemon.yard.ended()} of ${runs} runs are over, and nothing is due`);
    looked += 1;
    if (looked % 1000 === 0)
      heapMost.bytes = Math.max(heapMost.bytes, process.memoryUsage().heapUsed);
    if (!restarted && daemon.yard.ended() >= runs / 2) restart();
  }
}

function tell(submittedCpuMs: number): void {
  const cpu = cpuMs();
  const transitions = daemon.store.lastPos();
  const starts = cluster.starts();
  if (starts !== runs) throw new Error(`${starts} starts of ${runs} runs`);
  daemon.checkpointer.ask('termination');
  daemon.yard.close();
  daemon.checkpointer.close();
  daemon.db.close();
  const size = fs.statSync(file).size;
  fs.rmSync(dir, { recursive: true });

  const number = (value: number, digits = 0): string =>
    value.toLocaleString('en', { maximumFractionDigits: digits });
  const mib = (bytes: number): string => `${number(bytes / 2 ** 20)} MiB`;
  const told: [string, string][] = [
    ['runs, nodes, each trains', `${number(runs)}, ${number(nodes)}, ${seconds} s`],
    ['places given out by', elsewhere ? 'the cluster' : 'the yard'],
    ['simulated time', `${number(schedule.now() / 1000)} s`],
    [
      'transitions, each an event',
      `${number(transitions)}, ${number(transitions / runs, 1)} a run`,
    ],
    ['CPU of a transition, all in all', `${number(cpu / transitions, 2)} ms`],
    ['transitions a second of one core', number((1000 * transitions) / cpu)],
    ['CPU of a submit', `${number(submittedCpuMs / runs, 2)} ms`],
    ['heartbeats heard', number(cluster.beats())],
    ['longest decision of the queue, CPU', `${number(longest.decisionMs, 1)} ms`],
    ['longest turn of the loop, CPU', `${number(longest.turnMs)} ms`],
    ...(values.restart
      ? [['all taken up after a restart', `${number(longest.recoverMs)} ms`] as [string, string]]
      : []),
    ['heap at its largest', mib(heapMost.bytes)],
    ['resident at its largest', mib(1024 * process.resourceUsage().maxRSS)],
    ['registry', `${mib(size)}, ${number(size / runs / 1024, 1)} KiB a run`],
    ['wall time of it', `${number((performance.now() - began.at) / 1000)} s`],
  ];
  for (const [name, text] of told) console.log(`| ${name.padEnd(34)} | ${text} |`);
}

// Promises are settled by hand, which they are not within a reaction of one: that is what a module is.
setImmediate(() => {
  submitAll();
  drained = false;
  daemon.yard.supervisor.reconsider();
  const submittedCpuMs = cpuMs();
  runAll();
  tell(submittedCpuMs);
});
