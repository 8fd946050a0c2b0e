/** Runs as jobs of a real Slurm: every way in which one begins, goes on and ends. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { slurmTrouble } from '../slurm/packages.ts';
import { jobOf, type SlurmYard, startSlurmYard, submitted } from '../slurm/yard.ts';
import { until } from './yard.ts';

const trouble = await slurmTrouble();
const skip = trouble === '' ? false : trouble;
let yard: SlurmYard;

before(async () => {
  if (trouble === '') yard = await startSlurmYard();
});
after(async () => {
  await yard?.[Symbol.asyncDispose]();
});

test('a job that succeeds: output, points and artifacts are at home', { skip }, async () => {
  const script = `echo "global_step=1, episodic_return=[7.]"; echo "$TOLD" >&2
    mkdir out; echo saved > out/model.pt; env > seen.env
    echo "mask [$CUDA_VISIBLE_DEVICES] job $SLURM_JOB_ID"`;
  const run = await yard.submit(script, { isolate: true, artifacts: ['**/*.pt', '*.env'] });
  const summary = await yard.ended(run);
  assert.equal(summary.status, 'completed', summary.why);
  assert.match(String(summary.gpu_slots), /^slurm:\d+@node\d$/);
  assert.equal(summary.last_metric, 'return 7');
  const seen = await yard.lines(run);
  assert.ok(seen.includes('two') && seen.includes('lines'), seen.join());
  // A run that asked for no GPU sees none.
  assert.ok(seen.includes(`mask [] job ${jobOf(summary)}`), seen.join());
  const manifest = JSON.parse(fs.readFileSync(summary.artifact_manifest, 'utf8'));
  assert.equal(
    path.dirname(summary.artifact_manifest),
    path.join(yard.home, 'artifacts', run, '1'),
  );
  assert.deepEqual(manifest.artifacts.map(({ name }: { name: string }) => name).sort(), [
    'out/model.pt',
    'seen.env',
  ]);
  const events = await yard.events(run);
  assert.deepEqual(
    events.filter(({ to }) => /^(allocating|running|stopping)/.test(to)).map(({ event }) => event),
    [
      ...['run.grant', 'preflight.passed', 'slots.leased', 'trainer.started', 'trainer.exited'],
      'output.collected',
    ],
  );
  // Nothing of it stays on the node.
  const left = path.join(yard.slurm.dir, `runyard-${process.getuid?.()}`, 'test', 'runs', run);
  await until(() => !fs.existsSync(left), 'the node to be left as it was');
});

test('a job that fails ends with its own code', { skip }, async () => {
  const summary = await yard.ended(await yard.submit('echo no >&2; exit 7'));
  assert.equal(summary.status, 'failed');
  assert.equal(summary.exit_code, 7);
  assert.equal(summary.failure_reason?.code, 'exit_nonzero');
});

test('two GPUs on one node are granted, seen and told; others have the rest', {
  skip,
}, async () => {
  const run = await yard.submit('echo "mask [$CUDA_VISIBLE_DEVICES]"; sleep 300', { gpus: 2 });
  const summary = await yard.running(run);
  const [job] = summary.gpu_slots;
  assert.deepEqual(summary.gpu_slots, [job, `${job}/gpu0`, `${job}/gpu1`]);
  await until(async () => (await yard.lines(run)).includes('mask [0,1]'), 'the mask');
  await yard.client.stop(run, { reason: 'seen' });
  assert.equal((await yard.ended(run)).status, 'cancelled');
});

test('a stop reaches the whole job, and says who and why', { skip }, async () => {
  const run = await yard.submit(
    `trap 'echo saving; exit 0' TERM; echo up; while :; do sleep 0.1; done`,
  );
  const job = jobOf(await yard.running(run));
  await until(async () => (await yard.lines(run)).includes('up'), 'its output');
  await yard.client.stop(run, { reason: 'enough' });
  const summary = await yard.ended(run);
  assert.equal(summary.status, 'cancelled');
  assert.equal(summary.stop_reason, 'enough');
  assert.ok((await yard.lines(run)).includes('saving'));
  await until(() => yard.slurm.jobPids(job).length === 0, 'its processes to end');
});

test('what waits in Slurm says why, and is taken out of it by a stop', { skip }, async () => {
  const run = await yard.submit('sleep 300', { slurm: { flags: ['--begin=now+1hour'] } });
  const summary = await until(async () => {
    const seen = await yard.client.get(run);
    return /waits in Slurm: BeginTime/.test(seen.why) ? seen : null;
  }, 'its reason');
  assert.equal(summary.state, 'allocating.leasing');
  const job = /job (\d+) /.exec(summary.why)?.[1] ?? '';
  await yard.client.stop(run, { reason: 'not today' });
  assert.equal((await yard.ended(run)).status, 'cancelled');
  assert.equal(await yard.slurm.state(job), 'CANCELLED');
});

test('what sbatch refuses ends with its words', { skip }, async () => {
  const summary = await yard.ended(await yard.submit('true', { slurm: { partition: 'nowhere' } }));
  assert.equal(summary.status, 'failed');
  assert.equal(summary.failure_reason?.code, 'job_refused');
  assert.match(summary.why, /[Ii]nvalid partition/);
});

test('a job that somebody else cancels is told as that', { skip }, async () => {
  for (const script of ['sleep 300', `trap '' TERM; while :; do sleep 0.1; done`]) {
    const run = await yard.submit(script, { retry: { max: 1, backoff_s: 0 } });
    await yard.slurm.scancel(jobOf(await yard.running(run)));
    const summary = await yard.ended(run);
    assert.equal(summary.failure_reason?.code, 'cancelled_elsewhere', summary.why);
    assert.equal(summary.attempt, 1);
  }
});

test('a retry is a new job', { skip }, async () => {
  const run = await yard.submit('echo "attempt $RUNYARD_ATTEMPT"; test $RUNYARD_ATTEMPT = 2', {
    retry: { max: 2, backoff_s: 0 },
  });
  const summary = await yard.ended(run);
  assert.equal(summary.status, 'completed', summary.why);
  assert.equal(summary.attempt, 2);
  const jobs = (await yard.events(run))
    .filter(({ event }) => event === 'slots.leased')
    .map(({ detail_json }) => JSON.parse(detail_json).slots[0]);
  assert.equal(new Set(jobs).size, 2);
});

test('a sweep of 50 is one array', { skip }, async () => {
  const requests = Array.from({ length: 50 }, (_, seed) => ({
    config: {
      command: ['sh', '-c', `echo "seed ${seed}"; exit ${seed === 13 ? 1 : 0}`],
      cwd: yard.home,
      group: 'swept',
    },
    key: '',
  }));
  const runs: string[] = [];
  for await (const { run_id } of yard.client.submitMany(requests, { env: submitted }))
    runs.push(run_id);
  const all = await Promise.all(runs.map(yard.ended));
  assert.equal(all.filter(({ status }) => status === 'completed').length, 49);
  assert.equal(all[13]?.status, 'failed');
  const arrays = new Set(all.map((summary) => jobOf(summary).split('_')[0]));
  assert.equal(arrays.size, 1, [...arrays].join());
  for (const [seed, run] of runs.entries())
    assert.deepEqual(await yard.lines(run), [`seed ${seed}`]);
});
