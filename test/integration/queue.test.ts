/** Who waits for what, as people see it: a real daemon, fake GPUs, real trainers. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import type { GpuItem, RunSummary } from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

async function submit(yard: Yard, config: Record<string, unknown> = {}): Promise<string> {
  const given = { command: ['sleep', '600'], cwd: yard.home, stop: { grace_s: 1 }, ...config };
  return (await yard.client.submit(given, { env, user: 'ana' })).run_id;
}
function state(yard: Yard, run: string, wanted: string): Promise<RunSummary> {
  return until(
    async () => {
      const found = await yard.client.get(run);
      return found.state === wanted ? found : null;
    },
    `${run} to be ${wanted}`,
    120_000,
  );
}
async function gpusOf(yard: Yard): Promise<GpuItem[]> {
  const gpus: GpuItem[] = [];
  for await (const gpu of yard.client.gpus()) gpus.push(gpu);
  return gpus;
}
function refused(code: string): (error: unknown) => boolean {
  return (error) => error instanceof RunyardError && error.code === code;
}

test('G6: a run that asks for no GPU sees none, and one that asks sees its own, whatever its environment says', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:2' });
  const all = '0,1,2,3';
  const wishes = { CUDA_VISIBLE_DEVICES: all, HIP_VISIBLE_DEVICES: all, ROCR_VISIBLE_DEVICES: all };
  // Where a variable is not set at all, all GPUs are seen.
  const shown = Object.keys(wishes).map((name) => `[\${${name}-unset}]`);
  const script = `echo "${shown.join(' ')}"`;
  const sees = async (gpus: number): Promise<string> => {
    const { run_id: run } = await yard.client.submit(
      { command: ['sh', '-c', script], cwd: yard.home, gpus },
      { env: { ...env, ...wishes } },
    );
    assert.equal((await yard.client.wait(run)).status, 'completed');
    let text = '';
    for await (const { lines } of yard.client.logs(run)) text += lines.map((l) => l.text).join();
    return text;
  };
  assert.equal(await sees(0), '[] [] []');
  const own = await sees(1);
  assert.match(own, /^\[fake-0\]/);
  assert.doesNotMatch(own, /0,1,2,3/);
});

test('shares of a GPU are given out with their memory, and the trainer sees the GPU', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1x24GiB' });
  const seen = path.join(yard.home, 'seen');
  const shows = `echo $CUDA_VISIBLE_DEVICES/$CUDA_DEVICE_ORDER/$HIP_VISIBLE_DEVICES > ${seen}; exec sleep 600`;
  const a = await submit(yard, { command: ['sh', '-c', shows], gpus: 0.5 });
  const b = await submit(yard, { gpus: 0.25, gpu_memory_mib: 8 * 1024 });
  assert.deepEqual((await state(yard, a, 'running.live')).gpu_slots, ['fake-0#0']);
  assert.deepEqual((await state(yard, b, 'running.live')).gpu_slots, ['fake-0#1']);
  await until(() => fs.existsSync(seen), 'the trainer to look');
  assert.equal(fs.readFileSync(seen, 'utf8'), 'fake-0/PCI_BUS_ID/fake-0\n');
  // A quarter is left of it, and not so much of its memory.
  const c = await submit(yard, { gpus: 0.25, gpu_memory_mib: 6 * 1024 });
  const { why } = await yard.client.get(c);
  assert.match(
    why,
    /^needs 0.25 of a GPU with 6 GiB; fake-0 0.75 of it held by run .* of ana for /,
  );
  const [gpu] = await gpusOf(yard);
  assert.deepEqual(
    [gpu?.state, gpu?.holders.map(({ run_id, share, memory_mib }) => [run_id, share, memory_mib])],
    [
      'shared',
      [
        [a, 0.5, 12_288],
        [b, 0.25, 8192],
      ],
    ],
  );
  // So it is after a crash.
  await yard.crash();
  await yard.up();
  assert.deepEqual(
    (await gpusOf(yard))[0]?.holders.map(({ run_id }) => run_id),
    [a, b],
  );
  assert.equal((await yard.client.get(c)).state, 'queued');
  await yard.client.stop(b, { now: true });
  assert.deepEqual((await state(yard, c, 'running.live')).gpu_slots, ['fake-0#1']);
  for (const run of [a, c]) await yard.client.stop(run, { now: true });
  for (const run of [a, b, c]) await yard.client.wait(run);
  await until(async () => (await yard.client.health()).gpus_free === 1, 'the GPU to be free');
});

test('a held run waits until it is released, over a restart too', async () => {
  await using yard = await startYard({});
  const run = await submit(yard, { command: ['true'], hold: true });
  assert.equal((await yard.client.get(run)).why, `held by ana; runyard release ${run}`);
  await yard.client.release(run, { user: 'ben' });
  await yard.client.wait(run);
  const other = await submit(yard, {
    command: ['true'],
    priority: -1,
    after: [{ run }],
    hold: true,
  });
  await yard.client.hold(other, { user: 'ben', reason: 'look first' });
  await yard.crash();
  await yard.up();
  assert.match((await yard.client.get(other)).why, /^held by ana/);
  await yard.client.release(other, {});
  assert.equal((await yard.client.wait(other)).status, 'completed');
  await assert.rejects(yard.client.hold(other, {}), refused('run_not_queued'));
});

test('a run starts after its time, and after those it comes after', async () => {
  await using yard = await startYard({});
  const soon = new Date(Date.now() + 1500).toISOString();
  const first = await submit(yard, { command: ['true'], start_after: soon, hold: true });
  const then = await submit(yard, { command: ['true'], after: [{ run: first, on: 'ok' }] });
  const never = await submit(yard, { command: ['true'], after: [{ run: first, on: 'fail' }] });
  assert.match((await yard.client.get(then)).why, /^after .*: when it has completed$/);
  await yard.client.release(first, {});
  const done = await yard.client.wait(first);
  assert.ok(done.started_at >= soon, `${done.started_at} is after ${soon}`);
  assert.equal((await yard.client.wait(then)).status, 'completed');
  const { status, failure_reason: reason } = await yard.client.wait(never);
  assert.deepEqual([status, reason?.code], ['rejected', 'dependency_failed']);
  await assert.rejects(submit(yard, { after: [{ run: 'nobody' }] }), refused('config_invalid'));
});

test('a drained GPU and a drained yard give nothing out, over a restart too', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:2' });
  await yard.client.setDrain({ target: '0', on: true, reason: 'new fans', user: 'ana' });
  const a = await submit(yard, { gpus: 1 });
  assert.deepEqual((await state(yard, a, 'running.live')).gpu_slots, ['fake-1']);
  const b = await submit(yard, { gpus: 2 });
  assert.equal(
    (await yard.client.get(b)).why,
    'needs 2 GPUs; of 2 1 in service: fake-0 is drained by ana: new fans',
  );
  const reply = await yard.client.setDrain({ on: true, reason: 'power cut', user: 'ana' });
  assert.deepEqual(reply, { target: 'yard', on: true, live_runs: 1 });
  const c = await submit(yard, { command: ['true'] });
  await yard.crash();
  await yard.up();
  assert.equal(
    (await yard.client.get(c)).why,
    'nothing new starts here: drained by ana: power cut',
  );
  assert.deepEqual(
    (await gpusOf(yard)).map((gpu) => gpu.state),
    ['drained', 'held'],
  );
  await yard.client.setDrain({ on: false });
  await yard.client.wait(c);
  await yard.client.setDrain({ target: 'fake-0', on: false });
  await yard.client.stop(a, { now: true });
  assert.deepEqual((await state(yard, b, 'running.live')).gpu_slots, ['fake-0', 'fake-1']);
  await yard.client.stop(b, { now: true });
  await yard.client.wait(b);
  await assert.rejects(yard.client.setDrain({ target: '7', on: true }), refused('usage'));
});

test('the command line submits with a place in line, and says who waits for what', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:2x24GiB', RUNYARD_PARALLEL: '1' });
  const ry = (...words: string[]) =>
    execa(runyard, words, {
      env: { ...env, HOME: yard.home, RUNYARD_HOME: yard.home },
      extendEnv: false,
      reject: false,
      cwd: yard.home,
    });
  const plan = async (...words: string[]): Promise<string> =>
    (await ry('submit', '--dry-run', ...words, '--', 'true')).stdout;
  assert.equal(await plan('--gpus', '1'), 'starts\tabout to start\tfake-0');
  assert.equal(await plan('--gpus', '3'), 'waits\tneeds 3 GPUs; this yard has 2');
  const { stdout: a } = await ry('submit', '--gpus', '2', '--', 'sleep', '600');
  await state(yard, a, 'running.live');
  const { stdout: b } = await ry(
    ...['submit', '--gpus', '.5', '--gpu-memory', '4G', '--priority', '-3', '--hold'],
    ...['--after', `${a}:any`, '--', 'true'],
  );
  assert.match((await ry('ls')).stdout, new RegExp(`${b}\\t.*\\tafter ${a}: when it is over`));
  assert.match(
    await plan('--gpus', '1'),
    /^waits\tneeds 1 GPU; fake-0 held by run .*; next in line$/,
  );
  assert.match(
    (await ry('gpus')).stdout,
    new RegExp(`^0\\tfake\\t\\?/24G\\t\\theld\\t\\S+/${a}\\t`),
  );
  assert.equal((await ry('drain', '1', '-m', 'fans')).stdout, 'fake-1\ttrue');
  assert.equal((await ry('resume', '--gpu', '1')).stdout, 'fake-1\tfalse');
  assert.equal((await ry('resume')).exitCode, 2);
  await ry('stop', '--now', a);
  assert.match((await yard.client.get(b)).why, /^held by /);
  assert.equal((await ry('release', b)).exitCode, 0);
  assert.equal((await ry('wait', b)).exitCode, 0);
  assert.equal((await ry('submit', '--gpus', '1.5', '--', 'true')).exitCode, 2);
  assert.equal((await ry('submit', '--gpus', '.01', '--', 'true')).exitCode, 4);
});

test('how long a run has still to wait is told from how long such runs took', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1' });
  const take = (seconds: string, more: Record<string, unknown> = {}): Promise<string> =>
    submit(yard, { command: ['sh', '-c', `sleep ${seconds}`, '--seed', '1'], gpus: 1, ...more });
  await yard.client.wait(await take('0'));
  const first = await take('600', { name: 'first' });
  await state(yard, first, 'running.live');
  const next = await take('600', { name: 'next' });
  const after = await take('600', { name: 'after', hold: true });
  // By now all three are of a kind that took a moment; the first one takes longer than was thought.
  assert.match((await yard.client.get(next)).why, /next in line; (any moment now|in about \d+ s)$/);
  assert.match((await yard.client.get(after)).why, /^held by ana; runyard release/);
  const asked = { command: ['sh', '-c', 'sleep 1'], cwd: yard.home, gpus: 1 };
  const { verdict, text } = await yard.client.plan(asked, { env });
  assert.equal(verdict, 'waits');
  assert.match(text, new RegExp(`behind ${next}; (any moment now|in about \\d+ s)$`));
  // Of what was never seen nothing is foretold.
  const other = await submit(yard, { command: ['sleep', '600'], gpus: 1 });
  const last = await take('600');
  await until(
    async () => /(any moment now|in about \d+ s)$/.test((await yard.client.get(other)).why),
    'it to be worked out',
  );
  assert.match((await yard.client.get(last)).why, new RegExp(`behind ${other}$`));
});
