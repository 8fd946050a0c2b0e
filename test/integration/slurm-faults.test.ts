/** What dies around a job, on purpose: no run is lost, none is run twice, and every state is true. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import { slurmTrouble } from '../slurm/packages.ts';
import { jobOf, type SlurmYard, startSlurmYard, starts } from '../slurm/yard.ts';
import { until } from './yard.ts';

const trouble = await slurmTrouble();
const skip = trouble === '' ? false : trouble;
let yard: SlurmYard;

before(async () => {
  if (trouble === '') yard = await startSlurmYard({ killWait: 3 });
});
after(async () => {
  await yard?.[Symbol.asyncDispose]();
});

/** A trainer that writes its start down, and ends once `go` is there. */
function waiting(name: string): { script: string; journal: string; go: () => void } {
  const [journal, go] = [
    path.join(yard.home, `${name}.starts`),
    path.join(yard.home, `${name}.go`),
  ];
  const script = `echo "$RUNYARD_ATTEMPT $SLURM_JOB_ID" >> ${journal}; echo begun
    until test -e ${go}; do sleep 0.1; done; echo ended`;
  return { script, journal, go: () => fs.writeFileSync(go, '') };
}

/** Workers of a job on its node. */
function workersOf(job: string): number[] {
  return yard.slurm.jobPids(job).filter((pid) => {
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0worker\0--job\0');
    } catch {
      return false;
    }
  });
}

test('the daemon dies while a job waits, and while one runs', { skip }, async () => {
  const held = waiting('held');
  const run = await yard.submit(held.script, { slurm: { flags: ['--hold'] } });
  const job = await until(async () => {
    const { why } = await yard.client.get(run);
    return /job (\d+) waits in Slurm: JobHeldUser/.exec(why)?.[1] ?? null;
  }, 'its reason');
  await yard.crash();
  await yard.up();
  await yard.slurm.scontrol('release', job);
  const summary = await yard.running(run);
  assert.equal(jobOf(summary), job);
  await yard.crash();
  held.go();
  await until(
    async () => /COMPLET/.test(await yard.slurm.state(job)) || workersOf(job).length > 0,
    '',
  );
  await yard.up();
  assert.equal((await yard.ended(run)).status, 'completed');
  assert.deepEqual(await yard.lines(run), ['begun', 'ended']);
  assert.deepEqual(starts(held.journal), [`1 ${job}`]);
});

for (const [point, when] of [
  ['slurm.named', 'before sbatch'],
  ['slurm.submitted', 'between sbatch and its answer'],
] as const)
  test(`the daemon dies ${when}: one job has the run`, { skip }, async () => {
    const points = fs.mkdtempSync(path.join(yard.home, 'points-'));
    await yard.client.shutdown();
    await yard.up({ RUNYARD_FAILPOINTS: points });
    fs.writeFileSync(path.join(points, point), '');
    const late = waiting(point);
    const run = await yard.submit(late.script);
    await until(() => fs.existsSync(path.join(points, 'hits.jsonl')), 'the daemon to die');
    if (point === 'slurm.submitted')
      await until(() => starts(late.journal).length > 0, 'its trainer to start');
    await yard.up();
    await yard.running(run);
    late.go();
    const summary = await yard.ended(run);
    assert.equal(summary.status, 'completed', summary.why);
    assert.equal(starts(late.journal).length, 1);
  });

test('a worker on the node dies: another one goes on where it was', { skip }, async () => {
  const { script, journal, go } = waiting('worker');
  const run = await yard.submit(script);
  const job = jobOf(await yard.running(run));
  for (let deaths = 0; deaths < 3; deaths += 1) {
    const pid = await until(() => workersOf(job)[0] ?? null, 'a worker');
    process.kill(pid, 'SIGKILL');
    await until(() => workersOf(job).some((other) => other !== pid), 'another worker');
  }
  go();
  const summary = await yard.ended(run);
  assert.equal(summary.status, 'completed', summary.why);
  assert.deepEqual(await yard.lines(run), ['begun', 'ended']);
  assert.equal(starts(journal).length, 1);
});

/** Until what slurmctld would start anew with knows of the job, as something that waits. */
async function savedAsWaiting(run: string): Promise<void> {
  const { name } = JSON.parse(fs.readFileSync(yard.attemptFile(run, 'job.json'), 'utf8'));
  const state = path.join(yard.slurm.dir, 'ctld/job_state');
  await until(
    () => fs.existsSync(state) && fs.readFileSync(state).includes(name),
    'it to be saved',
  );
}

/** Its slurmctld is killed while it still thinks that the job waits, and started again. */
async function forgotten(name: string, flags: string[], release: boolean): Promise<void> {
  const { slurm } = yard;
  const { script, journal, go } = waiting(name);
  const retry = { max: 1, on: ['lost'], backoff_s: 0 };
  const run = await yard.submit(script, { retry, slurm: { flags } });
  const job = await until(async () => {
    const { why } = await yard.client.get(run);
    return /job (\d+) waits in Slurm/.exec(why)?.[1] ?? null;
  }, 'its job');
  await savedAsWaiting(run);
  if (release) await slurm.scontrol('release', job);
  await until(() => starts(journal).length > 0, 'its trainer to start');
  await slurm.crash(slurm.controllerPid());
  await slurm.startController();
  // It was saved in the very moment, and is none the wiser; or it is killed, and another attempt follows.
  const known = await slurm.state(job);
  if (known !== 'RUNNING')
    await until(async () => (await yard.client.get(run)).attempt === 2, `a retry after ${known}`);
  await until(async () => {
    // The other job is held by the same flag.
    const held = /job (\d+) waits in Slurm: JobHeldUser/.exec(
      (await yard.client.get(run)).why,
    )?.[1];
    if (held !== undefined) await slurm.scontrol('release', held);
    return starts(journal).length === (known === 'RUNNING' ? 1 : 2);
  }, `its trainer after ${known}`);
  go();
  const summary = await yard.ended(run);
  assert.equal(summary.status, 'completed', summary.why);
  const attempts = starts(journal).map((line) => line.split(' ')[0]);
  assert.deepEqual(attempts, ['1', '2'].slice(0, attempts.length), 'no attempt was started twice');
  if (known !== 'RUNNING') {
    const lost = (await yard.events(run)).find(({ event }) => event === 'allocation.ended');
    assert.match(lost?.detail_json ?? '', /job_restarted|job_lost|cancelled_elsewhere/);
  }
  // A node on which Slurm found a number twice is set aside by it.
  for (const node of slurm.nodes)
    await slurm.scontrol('update', `nodename=${node}`, 'state=resume').catch(() => undefined);
}

test('slurmctld forgets that a job began: its second start is turned away', { skip }, () =>
  forgotten('early', ['--begin=now+8'], false),
);

test('slurmctld forgets that a job was released: it waits for ever, and is lost', { skip }, () =>
  forgotten('released', ['--hold'], true),
);

test('slurmctld, slurmd and slurmstepd die: a job that runs is none the wiser', {
  skip,
}, async () => {
  const { slurm } = yard;
  const { script, journal, go } = waiting('late-deaths');
  const run = await yard.submit(script);
  const summary = await yard.running(run);
  const job = jobOf(summary);
  const node = summary.gpu_slots[0]?.split('@')[1] ?? '';
  await until(async () => (await slurm.state(job)) === 'RUNNING', 'it to run for Slurm');
  for (const pid of slurm.stepdPids(job)) await slurm.crash(pid);
  await slurm.crash(slurm.nodePid(node));
  await slurm.startNode(node);
  go();
  const { status, why } = await yard.ended(run);
  assert.equal(status, 'completed', why);
  assert.deepEqual(await yard.lines(run), ['begun', 'ended']);
  assert.equal(starts(journal).length, 1);
  // Slurm itself would never notice: its node stayed taken.
  await until(
    async () => /CANCELLED|COMPLETED|FAILED/.test(await slurm.state(job)),
    'Slurm to let go',
  );
});

test('a node fails: the attempt is lost, and its policy has another', { skip }, async () => {
  const { slurm } = yard;
  const { script, journal, go } = waiting('node');
  const run = await yard.submit(script, { retry: { max: 1, on: ['lost'], backoff_s: 0 } });
  const summary = await yard.running(run);
  const job = jobOf(summary);
  const node = summary.gpu_slots[0]?.split('@')[1] ?? '';
  await slurm.crash(slurm.nodePid(node));
  for (const pid of [...slurm.stepdPids(job), ...slurm.jobPids(job)])
    if (fs.existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
  await slurm.scontrol('update', `nodename=${node}`, 'state=down', 'reason=test');
  await until(async () => (await yard.client.get(run)).attempt === 2, 'another attempt');
  await slurm.startNode(node);
  await yard.running(run);
  go();
  assert.equal((await yard.ended(run)).status, 'completed');
  const lost = (await yard.events(run)).find(({ event }) => event === 'allocation.ended');
  assert.match(lost?.detail_json ?? '', /"node_failed"/);
  assert.deepEqual(
    starts(journal).map((line) => line.split(' ')[0]),
    ['1', '2'],
  );
});

test('a job that is preempted says so', { skip }, async () => {
  const { script } = waiting('preempted');
  const run = await yard.submit(script, {
    slurm: { partition: 'low', flags: ['--nodelist=node1', '--exclusive'] },
  });
  await yard.running(run);
  const other = waiting('preempting');
  const first = await yard.submit(other.script, {
    slurm: { partition: 'main', flags: ['--nodelist=node1', '--exclusive'] },
  });
  const summary = await yard.ended(run);
  assert.equal(summary.failure_reason?.code, 'preempted', summary.why);
  await yard.running(first);
  other.go();
  assert.equal((await yard.ended(first)).status, 'completed');
});

test('Slurm’s time is nearly over: it saves, and goes on in another job', { skip }, async () => {
  const journal = path.join(yard.home, 'time.starts');
  const script = `echo "$RUNYARD_ATTEMPT" >> ${journal}
    trap 'echo saved; exit 0' TERM; echo begun
    test $RUNYARD_ATTEMPT = 2 && exit 0
    while :; do sleep 0.1 2>/dev/null; done`;
  const run = await yard.submit(script, {
    slurm: { partition: 'short', time_s: 60 },
    retry: { max: 1, on: ['time_limit'], backoff_s: 0 },
  });
  const summary = await yard.ended(run);
  assert.equal(summary.status, 'completed', summary.why);
  assert.deepEqual(starts(journal), ['1', '2']);
  const events = await yard.events(run);
  assert.ok(events.some(({ event }) => event === 'allocation.expiring'));
  const saved: string[] = [];
  for await (const chunk of yard.client.logs(run, { attempt: 1 }))
    for (const { text } of chunk.lines) saved.push(text);
  assert.ok(saved.includes('saved'), saved.join());
});

test('the registry is lost: jobs that wait and jobs that run are found again', {
  skip,
}, async () => {
  const [running, waits] = [waiting('kept'), waiting('kept-waiting')];
  const live = await yard.submit(running.script, { gpus: 1 });
  const held = await yard.submit(waits.script, { slurm: { flags: ['--hold'] } });
  const before = await yard.running(live);
  const job = await until(async () => {
    const { why } = await yard.client.get(held);
    return /job (\d+) waits in Slurm/.exec(why)?.[1] ?? null;
  }, 'its job');
  await yard.crash();
  for (const suffix of ['', '-wal', '-shm'])
    fs.rmSync(path.join(yard.home, `registry.db${suffix}`), { force: true });
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  assert.deepEqual((await yard.running(live)).gpu_slots, before.gpu_slots);
  await yard.slurm.scontrol('release', job);
  await yard.running(held);
  for (const { go } of [running, waits]) go();
  for (const run of [live, held]) assert.equal((await yard.ended(run)).status, 'completed');
  for (const { journal } of [running, waits]) assert.equal(starts(journal).length, 1);
});

test('without the bus nothing is started', { skip }, async () => {
  const { script, journal, go } = waiting('bus');
  go();
  const run = await yard.submit(script, { slurm: { flags: ['--hold'] } });
  const job = await until(async () => {
    const { why } = await yard.client.get(run);
    return /job (\d+) waits in Slurm/.exec(why)?.[1] ?? null;
  }, 'its job');
  const { identity } = JSON.parse(
    fs.readFileSync(path.join(yard.home, 'bus/address.json'), 'utf8'),
  );
  await execa('kill', ['-STOP', String(identity.pid)]);
  try {
    await yard.slurm.scontrol('release', job);
    await until(async () => workersOf(job).length > 0, 'its worker');
    await until(async () => (await yard.slurm.state(job)) === 'RUNNING', 'its job to run');
    assert.deepEqual(starts(journal), []);
  } finally {
    await execa('kill', ['-CONT', String(identity.pid)]);
  }
  assert.equal((await yard.ended(run)).status, 'completed');
  assert.equal(starts(journal).length, 1);
});
