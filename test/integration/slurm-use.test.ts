/** Slurm from the command line, as a researcher and an operator use it: a real Slurm, a real daemon. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import { slurmTrouble } from '../slurm/packages.ts';
import { jobOf, type SlurmYard, startSlurmYard } from '../slurm/yard.ts';
import { until } from './yard.ts';

const trouble = await slurmTrouble();
const skip = trouble === '' ? false : trouble;
const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
let yard: SlurmYard;

before(async () => {
  if (trouble === '')
    yard = await startSlurmYard(
      { nodes: 2 },
      { executor: 'local', executor_rules: [{ executor: 'slurm', tag: 'big' }] },
    );
});
after(async () => {
  await yard?.[Symbol.asyncDispose]();
});

/** `more`: over the environment of the shell; a variable that is undefined is not set. */
async function cli(args: readonly string[], more: Record<string, string | undefined> = {}) {
  const env = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, ...yard.slurm.env, ...more };
  const options = { env, reject: false, stdin: 'ignore', cwd: yard.home } as const;
  const { exitCode, stdout, stderr } = await execa(runyard, args, options);
  return { exitCode, stdout, stderr };
}

async function submitted(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await cli(['submit', ...args]);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

test('a run is sent to Slurm by its options, and ls and show say on which node and as which job', {
  skip,
}, async () => {
  const run = await submitted('--partition', 'main', '--gpus', '1', '--', 'sleep', '300');
  const live = await yard.running(run);
  const [, node = ''] = live.gpu_slots[0]?.split('@') ?? [];
  const { stdout: listed } = await cli(['ls']);
  assert.match(listed, new RegExp(`${run}\\t.*\\t${node} GPU [01] \\(job ${jobOf(live)}\\)\\t`));
  const { stdout: shown } = await cli(['show', run]);
  assert.match(shown, new RegExp(`^node\\t${node}$`, 'm'));
  assert.match(shown, new RegExp(`^job\\t${jobOf(live)}$`, 'm'));
  const { exitCode } = await cli(['stop', '--now', run]);
  assert.equal(exitCode, 0);
});

test('rules of the yard send runs there too; --executor local keeps one here', {
  skip,
}, async () => {
  const there = await submitted('--tag', 'big', '--', 'true');
  const here = await submitted('--tag', 'big', '--executor', 'local', '--', 'true');
  assert.match(String((await yard.ended(there)).gpu_slots), /^slurm:/);
  assert.doesNotMatch(String((await yard.ended(here)).gpu_slots), /slurm:/);
});

test('what waits shows Slurm’s reason in ls, and a dry run says who starts it', {
  skip,
}, async () => {
  const run = await submitted('--slurm', '--begin=now+1hour', '--', 'true');
  await until(
    async () => /waits in Slurm: BeginTime/.test((await cli(['ls'])).stdout),
    'its reason',
  );
  await cli(['stop', '--now', run]);
  const dry = await cli(['submit', '--dry-run', '--executor', 'slurm', '--', 'true']);
  assert.match(dry.stdout, /^waits\tit is handed to Slurm at once/);
});

test('what does not go together is refused before anything is queued', { skip }, async () => {
  const share = await cli(['submit', '--executor', 'slurm', '--gpus', '0.5', '--', 'true']);
  assert.equal(share.exitCode, 4);
  assert.match(share.stderr, /\/gpus.*whole GPUs/);
  const ours = await cli(['submit', '--slurm', '--array=1-9', '--', 'true']);
  assert.match(ours.stderr, /\/slurm\/flags.*--array=1-9 is for runyard to say/);
});

test('a retry goes where the run was, with what is asked anew', { skip }, async () => {
  const run = await submitted('--partition', 'nowhere', '--', 'true');
  assert.equal((await yard.ended(run)).failure_reason?.code, 'job_refused');
  const { stdout: next } = await cli(['retry', run, '--partition', 'main']);
  const done = await yard.ended(next);
  assert.equal(done.status, 'completed', done.why);
  assert.match(String(done.gpu_slots), /^slurm:/);
  const { stdout: back } = await cli(['retry', run, '--executor', 'local']);
  assert.doesNotMatch(String((await yard.ended(back)).gpu_slots), /slurm:/);
});

test('doctor tells whether sbatch takes a job, and whether nodes reach the bus', {
  skip,
}, async () => {
  const lines = async (more: Record<string, string | undefined> = {}): Promise<string[]> =>
    (await cli(['doctor'], more)).stdout.split('\n').filter((line) => /\tslurm/.test(line));
  const [takes = '', bus = ''] = await lines();
  assert.match(takes, /^✓\tslurm\tsbatch would take a job of this user, partition main/);
  assert.match(bus, /^✓\tslurm bus\tall nodes are this machine/);
  const [, reached = ''] = await lines({ RUNYARD_NATS_URL: 'nats://u:secret@bus.lab:4222' });
  assert.match(reached, /^✓\tslurm bus\tnodes are told nats:\/\/bus\.lab:4222/);
});

test('Slurm that does not answer is a reason of its own, and nothing is lost of it', {
  skip,
}, async () => {
  const run = await submitted('--executor', 'slurm', '--', 'sh', '-c', 'sleep 3; echo still here');
  await yard.running(run);
  await yard.slurm.crash(yard.slurm.controllerPid());
  const waits = await submitted('--executor', 'slurm', '--', 'true');
  const reason = async () =>
    (await yard.client.health()).reasons.find(({ part }) => part === 'slurm') ?? null;
  const { severity, text } = await until(reason, 'the reason', 60_000);
  assert.equal(severity, 'degraded');
  assert.match(text, /^Slurm does not answer \(s(batch|queue): ./);
  const { stdout } = await cli(['doctor']);
  assert.match(stdout, /✗\tslurm\tthe controller does not answer/);
  assert.equal((await yard.ended(run)).status, 'completed');
  await yard.slurm.startController();
  const done = await yard.ended(waits);
  assert.equal(done.status, 'completed', done.why);
  await until(async () => (await reason()) === null, 'the reason to go', 60_000);
});
