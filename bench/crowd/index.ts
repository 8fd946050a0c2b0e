/** A yard with very many live runs: a real daemon, workers that are played by one process, a few real ones. */
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { startYard, until, type Yard } from '../../test/integration/yard.ts';

const here = import.meta.dirname;

export type Crowd = {
  yard: Yard;
  /** Runs that are played, all live. */
  runs: string[];
  /** Pauses and resumes them by turns, so many transitions a second in all, until the signal. */
  stir(perSecond: number, signal: AbortSignal): Promise<number>;
  /** Milliseconds that the daemon's event loop kept others waiting, since it was asked last. */
  delays(): Promise<{ p50: number; p99: number; max: number }>;
  /** From now on every hundredth pause or resume is of this one: it is looked at. */
  favour(run: string): void;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startCrowd(count: number, real: number): Promise<Crowd> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-crowd-'));
  const home = path.join(dir, 'home');
  fs.mkdirSync(home);
  const relay = path.join(dir, 'relay');
  await execa('go', ['build', '-o', relay, 'relay.go'], { cwd: here, env: { CGO_ENABLED: '0' } });
  const socket = path.join(dir, 'crowd.sock');
  const worker = path.resolve(here, '../../test/fixtures/worker.ts');
  const generator = execa(
    process.execPath,
    [path.join(here, 'generator.main.ts'), socket, home, worker],
    { stdout: 'pipe', stderr: 'inherit', buffer: false, reject: false },
  );
  let isEnded = false;
  void generator.then(() => {
    isEnded = true;
  });
  await once(generator.stdout, 'data');
  const yard = await startYard(
    {
      RUNYARD_PARALLEL: String(count + real),
      RUNYARD_LOG: 'warn',
      NODE_OPTIONS: `--import=${path.join(here, 'delay.ts')}`,
      RUNYARD_BENCH_DELAYS: path.join(dir, 'delays'),
      RUNYARD_TEST_WORKER: JSON.stringify([relay, socket]),
    },
    { home },
  );
  const names = ['dqn', 'ppo', 'sac', 'td3', 'c51'];
  const submits = (of: number, more: object, command: string[]) =>
    Array.from({ length: of }, (_, n) => ({
      config: { command, cwd: home, name: `${names[n % names.length]}-s${n}`, ...more },
    }));
  const runs: string[] = [];
  const idle = submits(count, { project: 'crowd' }, ['sleep', '86400']);
  for await (const { run_id } of yard.client.submitMany(idle)) runs.push(run_id);
  const script =
    'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo "global_step=$i, episodic_return=$((i%97))"; sleep 0.5; done';
  const trained: string[] = [];
  const begun = submits(real, { project: 'real', tags: ['real'] }, ['sh', '-c', script]);
  for await (const { run_id } of yard.client.submitMany(begun)) trained.push(run_id);
  await until(
    async () => {
      if (isEnded) throw new Error('the generator ended');
      let live = 0;
      for await (const run of yard.client.list({ limit: 10_000 }))
        if (run.state === 'running.live') live += 1;
      return live === count + real;
    },
    'all of them to be live',
    600_000,
  );
  let favourite: string | null = null;
  return {
    yard,
    runs,
    async delays() {
      const file = path.join(dir, `delays.${yard.daemonPid()}`);
      fs.rmSync(file, { force: true });
      process.kill(yard.daemonPid(), 'SIGUSR2');
      await until(() => fs.existsSync(file), 'the daemon to tell its delays');
      return JSON.parse(fs.readFileSync(file, 'utf8'));
    },
    favour(run) {
      favourite = run;
    },
    async stir(perSecond, signal) {
      const paused = new Set<string>();
      let asked = 0;
      let done = 0;
      const from = performance.now();
      while (!signal.aborted) {
        // A pause, like its end, is two transitions: asked for, and done.
        const due = ((performance.now() - from) / 1000) * (perSecond / 2);
        while (asked < due) {
          asked += 1;
          const chance = runs[Math.floor(Math.random() * runs.length)] ?? '';
          const run = asked % 100 === 0 ? (favourite ?? chance) : chance;
          const wish = paused.has(run) ? 'resume' : 'pause';
          if (wish === 'pause') paused.add(run);
          else paused.delete(run);
          yard.client[wish](run, { reason: '' }).then(
            () => {
              done += 2;
            },
            () => undefined,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return (1000 * done) / (performance.now() - from);
    },
    async [Symbol.asyncDispose]() {
      // Real trainers would go on for hours. Nobody needs a thousand orderly ends of the others: what was started is
      // ended, and its place removed.
      await Promise.all(trained.map((run) => yard.client.stop(run, { now: true })));
      await Promise.all(trained.map((run) => yard.client.wait(run)));
      yard.client.close();
      await yard.crash();
      generator.kill('SIGKILL');
      await generator;
      const address = path.join(home, 'bus', 'address.json');
      const { identity } = JSON.parse(fs.readFileSync(address, 'utf8'));
      process.kill(identity.pid, 'SIGKILL');
      await until(() => !fs.existsSync(`/proc/${identity.pid}`), 'the bus to end');
      fs.rmSync(dir, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}
