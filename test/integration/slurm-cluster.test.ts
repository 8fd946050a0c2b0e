import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startSlurm } from '../slurm/cluster.ts';
import { slurmTrouble } from '../slurm/packages.ts';
import { pidsWith, stepds } from '../slurm/processes.ts';
import { until } from './yard.ts';

test('a real Slurm runs a job, an array and two GPUs on one node, and leaves nothing', async (t) => {
  const trouble = await slurmTrouble();
  if (trouble !== '') return t.skip(trouble);
  await using slurm = await startSlurm({ nodes: 3, gpus: 2, cpus: 8 });
  const out = (name: string): string => path.join(slurm.dir, name);
  const submit = (name: string, args: readonly string[], body: string): Promise<string> =>
    slurm.sbatch(['--no-requeue', '-o', out(name), ...args], `#!/bin/sh\n${body}\n`);
  const text = (name: string): string => fs.readFileSync(out(name), 'utf8').trim();

  const job = await submit('job', [], 'echo "ran as $SLURM_JOB_ID"; exit 3');
  await until(async () => (await slurm.state(job)) === 'FAILED', 'the job to end');
  assert.equal(text('job'), `ran as ${job}`);
  assert.equal((await slurm.job(job)).ExitCode, '3:0');

  await submit('task.%a', ['--array=0-4', '--wait'], 'echo "task $SLURM_ARRAY_TASK_ID"');
  const tasks = [0, 1, 2, 3, 4];
  assert.deepEqual(
    tasks.map((task) => text(`task.${task}`)),
    tasks.map((task) => `task ${task}`),
  );

  const held = await submit(
    'gpus',
    ['--gres=gpu:2', '-N1', '-n1'],
    'echo "$SLURM_JOB_NODELIST $CUDA_VISIBLE_DEVICES"; setsid sleep 600 & sleep 600',
  );
  await until(() => fs.existsSync(out('gpus')) && text('gpus') !== '', 'the job to see its GPUs');
  assert.match(text('gpus'), /^node[123] 0,1$/);
  await until(() => slurm.jobPids(held).length >= 3, 'the processes of the job');
  assert.equal(slurm.stepdPids(held).length, 1);

  const daemons = [slurm.controllerPid(), ...slurm.nodes.map(slurm.nodePid)];
  assert.ok(daemons.every((pid) => fs.existsSync(`/proc/${pid}`)));
  await slurm.close();
  assert.deepEqual(
    daemons.filter((pid) => fs.existsSync(`/proc/${pid}`)),
    [],
  );
  assert.deepEqual(stepds(slurm.dir), []);
  assert.deepEqual(pidsWith([`SLURM_CONF=${slurm.conf}`]), []);
  assert.ok(!fs.existsSync(slurm.dir));
});
