/** Every reason of docs/reasons.md is provoked by a real run; a new one has to be added here. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { RunSummary } from '../../src/contracts/index.ts';
import { isAlive, judge, readClaim } from '../../src/rundir/index.ts';
import { fixture } from '../fixtures/trainers/recording.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
type Config = Record<string, unknown> & { command: string[] };
type Provoke = (yard: Yard) => Promise<RunSummary>;

async function submit(yard: Yard, config: Config): Promise<string> {
  const { run_id: run } = await yard.client.submit({ cwd: yard.home, ...config }, { env });
  return run;
}

async function live(yard: Yard, config: Config): Promise<string> {
  const run = await submit(yard, config);
  await until(async () => (await yard.client.get(run)).state === 'running.live', `${run} to live`);
  return run;
}

/** Submits behind a run that takes the only place, so that `meddle` comes before the start. */
async function whileQueued(
  yard: Yard,
  config: Config,
  meddle: (runDir: string) => void,
): Promise<RunSummary> {
  const holder = await live(yard, { command: ['sleep', '600'] });
  const run = await submit(yard, config);
  meddle(path.join(yard.home, 'runs', run));
  await yard.client.stop(holder, { now: true });
  return yard.client.wait(run);
}

function program(yard: Yard, name: string, text: string): string {
  const file = path.join(yard.home, name);
  fs.writeFileSync(file, text, { mode: 0o755 });
  return file;
}

/** kill -9 of all that an attempt consists of, as if the power had gone. */
async function killAll(yard: Yard, run: string): Promise<void> {
  const dir = path.dirname(yard.attemptFile(run, 'claim'));
  const { identity } = JSON.parse(fs.readFileSync(path.join(dir, 'worker.json'), 'utf8'));
  const verdict = judge(dir);
  const claim = readClaim(dir);
  assert.ok(verdict.kind === 'started' && verdict.trainer !== null && claim !== null);
  const victims = [identity, claim, verdict.trainer];
  for (const { pid } of victims) process.kill(pid, 'SIGKILL');
  await until(() => victims.every((victim) => !isAlive(victim)), 'all of the run to be dead');
}

function otherBoot(file: string): void {
  const text = fs.readFileSync(file, 'utf8');
  fs.writeFileSync(file, text.replace(/"boot_id":\s*"[^"]*"/, '"boot_id":"of-another-boot"'));
}

const provoked: Record<string, Provoke> = {
  dependency_failed: async (yard) => {
    const first = await submit(yard, { command: ['false'] });
    const after = [{ run: first.slice(0, 7) }];
    return yard.client.wait(await submit(yard, { command: ['true'], after }));
  },
  completed: async (yard) => yard.client.wait(await submit(yard, { command: ['true'] })),
  stop_rule: async (yard) => {
    const script = `echo '{"key": "loss", "value": 7}' >> "$RUNYARD_METRICS"; exec sleep 600`;
    const stop_when = { key: 'loss', above: 5 };
    return yard.client.wait(await submit(yard, { command: ['sh', '-c', script], stop_when }));
  },
  exit_nonzero: async (yard) => yard.client.wait(await submit(yard, { command: ['false'] })),
  signal: async (yard) =>
    yard.client.wait(await submit(yard, { command: ['sh', '-c', 'kill -USR1 $$'] })),
  noexec: async (yard) => {
    const file = program(yard, 'no-program', 'neither machine code nor a script');
    return yard.client.wait(await submit(yard, { command: [file] }));
  },
  not_started: async (yard) => {
    // What is no file cannot be the lock of a GPU.
    const lock = path.join(yard.home, 'gpu-locks', 'fake-0.lock');
    fs.mkdirSync(lock, { recursive: true });
    try {
      return await yard.client.wait(await submit(yard, { command: ['true'], gpus: 1 }));
    } finally {
      fs.rmdirSync(lock);
    }
  },
  time_limit: async (yard) =>
    yard.client.wait(await submit(yard, { command: ['sleep', '600'], time_limit_s: 0.2 })),
  stalled: async (yard) =>
    yard.client.wait(await submit(yard, { command: ['sleep', '600'], stall_limit_s: 1 })),
  stopped: async (yard) => {
    const run = await live(yard, { command: ['sleep', '600'] });
    await yard.client.stop(run, { reason: 'wrong lr' });
    return yard.client.wait(run);
  },
  preflight_failed: (yard) => {
    const cwd = path.join(yard.home, 'cwd');
    fs.mkdirSync(cwd);
    return whileQueued(yard, { command: ['true'], cwd }, () => fs.rmdirSync(cwd));
  },
  exit_unobserved: async (yard) => {
    const run = await live(yard, { command: ['sleep', '600'], stop: { grace_s: 1 } });
    process.kill(readClaim(path.dirname(yard.attemptFile(run, 'claim')))?.pid ?? 0, 'SIGKILL');
    return yard.client.wait(run);
  },
  trainer_vanished: async (yard) => {
    const run = await live(yard, { command: ['sleep', '600'] });
    await yard.crash();
    await killAll(yard, run);
    fs.rmSync(path.join(yard.home, 'runs', run), { recursive: true });
    await yard.up();
    return yard.client.wait(run);
  },
  machine_rebooted: async (yard) => {
    const run = await live(yard, { command: ['sleep', '600'] });
    await yard.crash();
    await killAll(yard, run);
    for (const name of ['launch.json', 'claim', 'start', 'worker.json'])
      otherBoot(yard.attemptFile(run, name));
    await yard.up();
    const { recovery } = await yard.client.health();
    assert.match(recovery?.text ?? '', /1 lost by a restart of the machine, 1 worker replaced/);
    return yard.client.wait(run);
  },
  unkillable: async (yard) => {
    // What nobody finds holds the GPU's lock: as good as a process that does not die.
    const journal = path.join(yard.home, 'journal');
    const command = ['/bin/sh', fixture('tree.sh'), journal, 'trainer', 'escaped'];
    const run = await live(yard, { command, gpus: 1 });
    const lines = (): string[] =>
      fs.existsSync(journal) ? fs.readFileSync(journal, 'utf8').trim().split('\n') : [];
    await until(() => lines().length === 2, 'a process to escape');
    await yard.client.stop(run, { now: true });
    const done = await yard.client.wait(run);
    assert.equal((await yard.client.health()).gpus_free, 0);
    const escaped = lines().find((line) => line.endsWith('stubborn')) ?? '';
    process.kill(Number.parseInt(escaped, 10), 'SIGKILL');
    await until(async () => (await yard.client.health()).gpus_free === 1, 'the GPU to be free');
    await until(() => !fs.existsSync(`/tmp/runyard-${run}-1`), 'its temporary directory to go');
    return done;
  },
  voided: (yard) =>
    whileQueued(yard, { command: ['touch', path.join(yard.home, 'ran')] }, (dir) => {
      for (const attempt of ['1', '2', '3', '4']) {
        fs.mkdirSync(path.join(dir, 'attempts', attempt), { recursive: true });
        fs.writeFileSync(path.join(dir, 'attempts', attempt, 'start'), 'void\n');
      }
    }),
  internal: (yard) =>
    whileQueued(yard, { command: ['true'], isolate: true }, (dir) => {
      // Where its own directory is to be made, there is a file.
      fs.mkdirSync(path.join(dir, 'attempts/1'), { recursive: true });
      fs.writeFileSync(path.join(dir, 'attempts/1/work'), '');
    }),
};

function reasons(): Map<string, string> {
  const page = fs.readFileSync(path.resolve(import.meta.dirname, '../../docs/reasons.md'), 'utf8');
  // Likely causes are a table of their own: those are guesses.
  const [ends = ''] = page.split('## Likely causes');
  const rows = ends.matchAll(/^\| `(\w+)`\s*\| (\w+)/gm);
  return new Map([...rows].map(([, code = '', status = '']) => [code, status]));
}

test('every reason on the page can be provoked, and has the status that the page says', async (t) => {
  const page = reasons();
  assert.deepEqual([...page.keys()].sort(), [...Object.keys(provoked), 'launch_failed'].sort());
  await using yard = await startYard({
    RUNYARD_GPUS: 'fake:1',
    RUNYARD_PARALLEL: '1',
    RUNYARD_CGROUP: 'none',
    RUNYARD_KILL_PATIENCE_S: '1',
  });
  for (const [code, provoke] of Object.entries(provoked)) {
    await t.test(code, async () => {
      const { status, failure_reason: reason } = await provoke(yard);
      assert.deepEqual([reason?.code ?? 'completed', status], [code, page.get(code)]);
    });
  }
  assert.ok(!fs.existsSync(path.join(yard.home, 'ran')));
});

test('a recorder that cannot do its work is told as launch_failed', async () => {
  await using yard = await startYard({ RUNYARD_RECORDER: '/bin/false' });
  const done = await yard.client.wait(await submit(yard, { command: ['true'] }));
  assert.deepEqual(
    [done.failure_reason?.code, done.status],
    ['launch_failed', reasons().get('launch_failed')],
  );
});
