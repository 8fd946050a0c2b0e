import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type Slurm, startSlurm } from '../slurm/cluster.ts';
import { slurmTrouble } from '../slurm/packages.ts';
import { cgroupsOf, isAlive, pidsOfCgroup, pidsWith, stepds } from '../slurm/processes.ts';
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

  await closes(slurm);
});

test('two Slurms do not meet, and one whose daemons were killed leaves nothing either', async (t) => {
  const trouble = await slurmTrouble();
  if (trouble !== '') return t.skip(trouble);
  await using one = await startSlurm({ nodes: 2, gpus: 0, cpus: 2 });
  await using other = await startSlurm({ nodes: 1, gpus: 0, cpus: 2 });
  const wait = '#!/bin/sh\nenv -i setsid sleep 600 &\nwait\n';
  const ids = await Promise.all(
    [one, other].map((slurm) => slurm.sbatch(['-w', 'node1', '-o', '/dev/null'], wait)),
  );
  assert.deepEqual(ids, ['1', '1'], 'each counts for itself');
  for (const slurm of [one, other])
    await until(() => slurm.jobPids('1').length === 2, 'the shell and what it started');
  const kept = other.jobPids('1');

  await one.crash(one.nodePid('node1'));
  await one.startNode('node1');
  assert.equal(await one.state('1'), 'RUNNING');
  await one.crash(one.controllerPid());
  const [stepd = 0] = one.stepdPids('1');
  await one.crash(stepd);
  await one.crash(one.nodePid('node2'));
  assert.equal(one.jobPids('1').length, 2, 'which end by themselves as little as their node');
  await closes(one);

  assert.deepEqual(other.jobPids('1'), kept);
  assert.equal(await other.state('1'), 'RUNNING');
  await closes(other);
});

test('a job of a Slurm with cgroups that takes too much memory is OUT_OF_MEMORY', async (t) => {
  const trouble =
    (await slurmTrouble()) || (hasCgroups() ? '' : 'no cgroup v1 that can be written');
  if (trouble !== '') return t.skip(trouble);
  await using slurm = await startSlurm({ nodes: 1, gpus: 0, limitMemory: true });
  const [node = ''] = slurm.nodes;
  // The shell, which ends well by itself, has its child's memory counted against it.
  const greedy = '#!/bin/sh\nhead -c 200M /dev/zero | tail -c 150M > /dev/null\nexit 0\n';
  const job = await slurm.sbatch(['--mem=40', '-o', '/dev/null'], greedy);
  await until(async () => (await slurm.state(job)) === 'OUT_OF_MEMORY', 'the kernel to end it');
  assert.equal((await slurm.job(job)).ExitCode, '0:125');

  const deaf = '#!/bin/sh\n(env -i setsid sleep 600 &)\nexec sleep 600\n';
  await slurm.sbatch(['-o', '/dev/null'], deaf);
  const within = (): number[] => cgroupsOf(node).flatMap(pidsOfCgroup);
  await until(() => within().filter((pid) => commandOf(pid) === 'sleep').length >= 2, 'it to run');
  const left = within();
  await closes(slurm);
  assert.deepEqual(left.filter(isAlive), [], 'not even what nothing but its cgroup tells');
  assert.deepEqual(cgroupsOf(node), []);
});

function hasCgroups(): boolean {
  try {
    for (const name of ['freezer', 'memory']) {
      fs.accessSync(`/sys/fs/cgroup/${name}/cgroup.procs`, fs.constants.W_OK);
    }
    return true;
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  return fs.existsSync(`/proc/${pid}/comm`)
    ? fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
    : '';
}

/** And nobody and nothing is left. */
async function closes(slurm: Slurm): Promise<void> {
  const mine = [`SLURM_CONF=${slurm.conf}`];
  assert.ok(pidsWith(mine).length > 0);
  const pids = [...pidsWith(mine), ...stepds(slurm.dir)];
  await slurm.close();
  assert.deepEqual(pids.filter(isAlive), []);
  assert.deepEqual([...pidsWith(mine), ...stepds(slurm.dir)], []);
  assert.ok(!fs.existsSync(slurm.dir));
}
