/** What is made of the answers of Slurm’s commands, those included that no Slurm gives to order. */
import assert from 'node:assert/strict';
import os from 'node:os';
import { test } from 'node:test';
import { slurmBusFinding, slurmFinding, usesSlurm } from '../../src/cli/commands/doctor-slurm.ts';
import type { Settings } from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';
import { slurmTools } from '../../src/executors/slurm/tools.ts';
import { createJobWatch } from '../../src/executors/slurm/watch.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { fakeSlurm } from '../fixtures/slurm/index.ts';
import { until } from '../integration/yard.ts';

const order = { script: '#!/bin/sh\n', args: ['--nodes=1'], env: { HOME: '/', SBATCH_QOS: 'x' } };
const hasCode = (code: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RunyardError);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, words);
  return true;
};

test('a job is known by the number that sbatch prints, with a cluster’s name after it or not', async (t) => {
  const slurm = fakeSlurm(t, { sbatch: `cat >/dev/null; env >&2; echo '17;cluster'` });
  assert.equal(await slurmTools(slurm.env).submit(order), '17');
  assert.equal(slurm.calls(), 'sbatch\n--parsable\n--nodes=1\n');
});

test('the environment of a run is the job’s, but for Slurm’s own settings', async (t) => {
  const slurm = fakeSlurm(t, { sbatch: `cat >/dev/null; echo "$(env | sort)" >&2; exit 1` });
  const env = {
    HOME: '/',
    PATH: '/usr/bin:/bin',
    SBATCH_QOS: 'x',
    SLURM_CLUSTERS: 'y',
    TOLD: 'yes',
  };
  const words = hasCode('slurm_refused', /^sbatch: (?!.*(SBATCH|SLURM_CLUSTERS)).*TOLD=yes/);
  await assert.rejects(slurmTools(slurm.env).submit({ ...order, env }), words);
});

test('what sbatch says against a job is told; where nobody takes it, it is away', async (t) => {
  const slurm = fakeSlurm(t, {});
  const submit = (script: string) => {
    slurm.set('sbatch', script);
    return slurmTools(slurm.env).submit(order);
  };
  await assert.rejects(
    submit('echo "sbatch: error: invalid partition specified: x" >&2; exit 1'),
    hasCode('slurm_refused', /^sbatch: invalid partition specified: x$/),
  );
  for (const words of [
    'sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)',
    'sbatch: error: Slurm temporarily unable to accept job, socket timed out on send/recv operation',
  ])
    await assert.rejects(submit(`echo "${words}" >&2; exit 1`), hasCode('slurm_away', /^sbatch: /));
  await assert.rejects(submit('kill -9 $$'), hasCode('slurm_away', /sbatch: /));
  // Nothing to know a job by, though it claims to have one.
  await assert.rejects(submit('echo garbage'), hasCode('slurm_refused', /garbage/));
  await assert.rejects(submit('true'), hasCode('slurm_refused', /sbatch: /));
});

test('without its commands Slurm is away', async (t) => {
  const { dir } = fakeSlurm(t, {});
  const submit = slurmTools({ PATH: dir }).submit({ ...order, env: { PATH: dir } });
  await assert.rejects(submit, hasCode('slurm_away', /ENOENT/));
  await assert.rejects(slurmTools({ PATH: dir }).jobs(), hasCode('slurm_away', /ENOENT/));
  await slurmTools({ PATH: dir }).cancel({ id: '17', name: 'ry-x' });
});

test('squeue is read a job a line, whatever its name has in it; what is none is no job of ours', async (t) => {
  const lines = [
    ...['17|PENDING|Resources||a|b', '18_3|RUNNING|None|node2|c', '', 'slurm_load_jobs: garbage'],
  ];
  const slurm = fakeSlurm(t, { squeue: `printf '%s\\n' '${lines.join("' '")}'` });
  const jobs = await slurmTools(slurm.env).jobs();
  assert.deepEqual(jobs.slice(0, 2), [
    { id: '17', state: 'PENDING', reason: 'Resources', nodes: '', name: 'a|b' },
    { id: '18_3', state: 'RUNNING', reason: 'None', nodes: 'node2', name: 'c' },
  ]);
  for (const { name } of jobs.slice(2)) assert.equal(name, '');
});

test('an empty answer of squeue is an answer, and one that fails is none', async (t) => {
  const slurm = fakeSlurm(t, { squeue: 'true' });
  assert.deepEqual(await slurmTools(slurm.env).jobs(), []);
  slurm.set('squeue', 'echo "17|RUNNING|None|n|x"; echo "squeue: error: half" >&2; exit 1');
  await assert.rejects(slurmTools(slurm.env).jobs(), hasCode('slurm_away', /^squeue: half; 17/));
  slurm.set('squeue', 'kill -9 $$');
  await assert.rejects(slurmTools(slurm.env).jobs(), hasCode('slurm_away', /squeue: /));
});

test('a cancel is asked for, with a signal to all of the job, and its failure is nobody’s', async (t) => {
  const jobs = ['17|RUNNING|None|n|ry-x', '17_3|RUNNING|None|n|ry-x', '18|RUNNING|None|n|others'];
  const slurm = fakeSlurm(t, {
    squeue: `printf '%s\\n' '${jobs.join("' '")}'`,
    scancel: 'echo "scancel: error: no" >&2; exit 1',
  });
  await slurmTools(slurm.env).cancel({ id: '17', name: 'ry-x' });
  await slurmTools(slurm.env).cancel({ id: '17_3', name: 'ry-x' }, 'INT');
  // A number that was given to somebody else's job.
  await slurmTools(slurm.env).cancel({ id: '18', name: 'ry-x' });
  const calls = slurm
    .calls()
    .split('scancel\n')
    .slice(1)
    .map((call) => call.split('squeue')[0]);
  assert.deepEqual(calls, ['17\n', '--signal=INT\n--full\n17_3\n']);
});

test('one answer serves many who ask for no newer one', async (t) => {
  const slurm = fakeSlurm(t, { squeue: 'true' });
  const tools = slurmTools(slurm.env);
  await Promise.all([tools.jobs(), tools.jobs(60_000), tools.jobs(60_000)]);
  assert.equal(slurm.calls().match(/squeue/g)?.length, 1);
  await tools.jobs();
  assert.equal(slurm.calls().match(/squeue/g)?.length, 2);
});

test('a job of the same number and another name is somebody else’s, and a failed question forgets nothing', async (t) => {
  const slurm = fakeSlurm(t, { squeue: `echo '17|RUNNING|None|node1|ours'` });
  let answers = 0;
  const watch = createJobWatch({
    tools: slurmTools(slurm.env),
    clock: systemClock(),
    pollMs: 10,
    need: () => 'none',
    answered: () => {
      answers += 1;
    },
  });
  t.after(watch.close);
  const asked = async (): Promise<void> => {
    const before = answers;
    watch.hurry();
    await until(() => answers > before, 'an answer');
  };
  assert.equal(watch.answeredMs(), null);
  await asked();
  assert.equal(watch.of('17', 'ours').hint?.state, 'RUNNING');
  assert.equal(watch.of('17', 'theirs').hint, null);
  slurm.set('squeue', 'exit 1');
  await asked();
  assert.match(watch.trouble() ?? '', /squeue/);
  assert.equal(watch.of('17', 'ours').hint?.state, 'RUNNING');
  slurm.set('squeue', 'true');
  await asked();
  assert.equal(watch.trouble(), null);
  assert.equal(watch.of('17', 'ours').hint, null);
});

const settings = (slurm: object = {}, more: object = {}): Settings =>
  ({ executor: 'local', executor_rules: [], slurm, ...more }) as unknown as Settings;

test('doctor looks at Slurm where a run may become a job by the settings, and nowhere else', () => {
  assert.equal(usesSlurm(settings()), false);
  assert.equal(usesSlurm(settings({}, { executor: 'slurm' })), true);
  assert.equal(usesSlurm(settings({ partition: 'gpu' })), true);
  assert.equal(usesSlurm(settings({}, { executor_rules: [{ executor: 'slurm' }] })), true);
  assert.equal(usesSlurm(settings({}, { executor_rules: [{ executor: 'local' }] })), false);
});

test('doctor tells missing commands, a refusal and an absent controller apart, each with a way out', async (t) => {
  const slurm = fakeSlurm(t, {});
  const none = await slurmFinding({ PATH: slurm.dir }, settings());
  assert.deepEqual([none.state, none.part], ['fail', 'slurm']);
  assert.match(none.text, /^no sbatch, squeue, scancel on PATH/);
  assert.match(none.hint, /executor: local/);
  slurm.set('scancel', 'true');
  slurm.set('squeue', 'true');
  slurm.set('sbatch', 'echo "sbatch: error: Invalid account" >&2; exit 1');
  const wishes = settings({ account: 'lab', time_s: 90, flags: ['--nice'] });
  const refused = await slurmFinding(slurm.env, wishes);
  const said = 'sbatch refuses a job of this user (--account=lab --time=2 --nice): Invalid account';
  assert.deepEqual([refused.state, refused.text], ['fail', said]);
  assert.match(
    slurm.calls(),
    /^sbatch\n--test-only\n--account=lab\n--time=2\n--nice\n--wrap=true\n/,
  );
  slurm.set('squeue', 'exit 1');
  const away = await slurmFinding(slurm.env, wishes);
  assert.match(away.text, /^the controller does not answer: Invalid account/);
  slurm.set(
    'sbatch',
    'echo "sbatch: Job 3 to start at X using 1 processors on nodes n in partition gpu" >&2',
  );
  const well = await slurmFinding(slurm.env, wishes);
  assert.deepEqual(
    [well.state, well.text],
    ['ok', 'sbatch would take a job of this user, partition gpu'],
  );
});

test('doctor says plainly that nodes elsewhere cannot reach a bus on the loopback', async (t) => {
  const slurm = fakeSlurm(t, { sinfo: `echo gpu01.lab; echo gpu02.lab; echo ${os.hostname()}` });
  const own = await slurmBusFinding(slurm.env, settings());
  assert.deepEqual([own.state, own.part], ['fail', 'slurm bus']);
  assert.match(
    own.text,
    /^nodes such as gpu01\.lab, gpu02\.lab cannot reach the bus: .*loopback only/,
  );
  assert.match(own.hint, /RUNYARD_NATS_URL .*slurm\.bus_url/);
  const local = { ...slurm.env, RUNYARD_NATS_URL: 'nats://me:secret@127.0.0.1:4222' };
  const theirs = await slurmBusFinding(local, settings());
  assert.match(theirs.text, /nats:\/\/127\.0\.0\.1:4222 is on this machine/);
  const told = await slurmBusFinding(local, settings({ bus_url: 'tls://login.lab:4222' }));
  assert.deepEqual([told.state, told.text], ['ok', 'nodes are told tls://login.lab:4222']);
  slurm.set('sinfo', 'exit 1');
  assert.equal((await slurmBusFinding(slurm.env, settings())).state, 'fail');
  slurm.set('sinfo', `echo 127.0.0.1; echo ${os.hostname()}`);
  assert.equal((await slurmBusFinding(slurm.env, settings())).state, 'ok');
});
