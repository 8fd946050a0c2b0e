/**
 * Somebody joins after very many points, while another one hangs and daemon, bus and worker are killed, and
 * wants each point once and in order, and then those that come. For the test with few, for the tool with many.
 */
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { execa } from 'execa';
import { until, type Yard } from './yard.ts';

/** Writes so many points at once; then waits for a file, writes some more, one by one, and ends. */
const writing = `
import os, sys, time
many, later, go = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with open(os.environ['RUNYARD_METRICS'], 'a') as f:
    for i in range(1, many + 1): f.write('{"step": %d, "loss": %r}\\n' % (i, 1 / i))
while not os.path.exists(go): time.sleep(0.02)
for i in range(many + 1, many + later + 1):
    with open(os.environ['RUNYARD_METRICS'], 'a') as f: f.write('{"step": %d, "loss": 0.5}\\n' % i)
    time.sleep(0.005)`;

const later = 200;
const patienceMs = 600_000;

export type Found = {
  /** Points that came, and the first that was not the next one; 0 when all were. */
  count: number;
  wrong: number;
  /** How many were to come. */
  expected: number;
  live: number;
  gaps: number;
  killed: string[];
  seconds: number;
};

export async function joinLate(yard: Yard, many: number): Promise<Found> {
  const go = path.join(yard.home, 'go');
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
  const command = ['python3', '-c', writing, String(many), String(later), go];
  const { run_id: run } = await yard.client.submit({ command, cwd: yard.home }, { env });
  await until(() => isThere(yard, run, many), `${many} points on the bus`, patienceMs);

  await using _ = await freeze(yard, run, 1);
  const found = { count: 0, wrong: 0, live: 0, gaps: 0 };
  const killed: string[] = [];
  const kills: [number, string, () => Promise<void>][] = [
    [0.2, 'daemon', () => replaceDaemon(yard)],
    [0.4, 'bus', async () => kill(busPid(yard))],
    [0.6, 'worker', async () => kill(workerPid(yard, run))],
    [0.8, 'daemon', () => replaceDaemon(yard)],
  ];
  const from = performance.now();
  let dying: Promise<void> = Promise.resolve();
  for await (const { points, gaps, live } of yard.client.metrics(run, { follow: true })) {
    for (const { seq } of points) {
      found.count += 1;
      if (seq !== found.count && found.wrong === 0) found.wrong = seq;
    }
    found.gaps += gaps.length;
    const [next] = kills;
    if (next !== undefined && found.count >= next[0] * many) {
      kills.shift();
      killed.push(next[1]);
      await dying;
      dying = next[2]();
    }
    if (!live) continue;
    // While the last points come, once more all of them.
    found.live += 1;
    if (found.live === 1) {
      await dying;
      kill(workerPid(yard, run));
      kill(busPid(yard));
      killed.push('worker', 'bus');
      fs.writeFileSync(go, '');
    }
  }
  await dying;
  const seconds = (performance.now() - from) / 1000;
  return { ...found, expected: many + later, killed, seconds };
}

/** A process with so many subscribers that was stopped in the midst of reading; ended when it is let go. */
export function freeze(yard: Pick<Yard, 'home'>, run: string, count: number) {
  return standStill('frozen-subscriber.ts', [yard.home, run, String(count)]);
}

/** The same of the yard's points on the bus, as a plain NATS client. */
export function freezeReader(yard: Pick<Yard, 'home'>, count: number) {
  return standStill('frozen-reader.ts', [yard.home, String(count)]);
}

async function standStill(name: string, args: string[]) {
  const script = path.join(import.meta.dirname, '../fixtures', name);
  const child = execa(process.execPath, [script, ...args], {
    stderr: 'inherit',
    buffer: false,
    reject: false,
  });
  for await (const line of readline.createInterface({ input: child.stdout }))
    if (line === 'stalled') break;
  child.kill('SIGSTOP');
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await child;
    },
  };
}

async function replaceDaemon(yard: Yard): Promise<void> {
  await yard.crash();
  await yard.up();
}

async function isThere(yard: Yard, run: string, seq: number): Promise<boolean> {
  for await (const { points } of yard.client.metrics(run, { fromSeq: seq }))
    if (points.length > 0) return true;
  return false;
}

function busPid(yard: Yard): number {
  return pidIn(path.join(yard.home, 'bus/address.json'));
}

function workerPid(yard: Yard, run: string): number {
  return pidIn(yard.attemptFile(run, 'worker.json'));
}

function pidIn(file: string): number {
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { identity: { pid: number } }).identity.pid;
}

/** One that was killed before may not have been replaced yet. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error;
  }
}
