/** GPUs that are no good, and runs that are where they should not be: a real daemon, made-up GPUs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { GpuItem } from '../../src/contracts/index.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };

async function submit(yard: Yard, script: string, config: Record<string, unknown> = {}) {
  const given = { command: ['sh', '-c', script], cwd: yard.home, gpus: 1, ...config };
  return (await yard.client.submit(given, { env, user: 'ana' })).run_id;
}
async function ended(yard: Yard, script: string, config: Record<string, unknown> = {}) {
  return yard.client.wait(await submit(yard, script, config));
}
async function gpusOf(yard: Yard): Promise<GpuItem[]> {
  const gpus: GpuItem[] = [];
  for await (const gpu of yard.client.gpus()) gpus.push(gpu);
  return gpus;
}
async function reasonsOf(yard: Yard): Promise<string[]> {
  const { reasons } = await yard.client.health();
  return reasons.filter(({ part }) => part === 'gpus').map(({ text }) => text);
}

test('a GPU on which run after run dies at once is set aside, said so, and readmitted by a person', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1' });
  const runs: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    assert.equal((await gpusOf(yard))[0]?.state, 'free', `before run ${n}`);
    runs.push((await ended(yard, `exit ${n + 1}`)).run_id);
  }
  const text = `set aside: 3 runs in a row died within 10 s of their start on it (${runs.join(', ')})`;
  const [gpu] = await gpusOf(yard);
  assert.deepEqual([gpu?.state, gpu?.text], ['aside', text]);
  assert.deepEqual(await reasonsOf(yard), [`fake-0 is ${text}; runyard resume --gpu fake-0`]);
  const waiting = await submit(yard, 'sleep 600');
  const { why } = await yard.client.get(waiting);
  assert.match(why, /^needs 1 GPU; of 1 0 in service: fake-0 is set aside: 3 runs in a row died/);
  // It is no passing mood of one daemon.
  await yard.crash();
  await yard.up();
  assert.equal((await gpusOf(yard))[0]?.state, 'aside');
  await yard.client.setDrain({ target: 'fake-0', on: false, reason: 'card was reseated' });
  await until(async () => (await yard.client.get(waiting)).status === 'running', 'it to start');
  assert.deepEqual(await reasonsOf(yard), []);
});

test('what lies in the script, or was asked for, is not held against a GPU', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1' });
  const missing = `echo "ModuleNotFoundError: No module named 'jax'" >&2; exit 1`;
  for (let n = 0; n < 4; n += 1) assert.equal((await ended(yard, missing)).status, 'failed');
  assert.equal((await gpusOf(yard))[0]?.state, 'free');
  // One that works in between clears what came before.
  for (const script of ['exit 1', 'exit 2', 'exit 0', 'exit 3', 'exit 4'])
    await ended(yard, script);
  const run = await submit(yard, 'sleep 600', { stop: { grace_s: 0 } });
  await until(async () => (await yard.client.get(run)).state === 'running.live', 'it to be live');
  await yard.client.stop(run);
  await yard.client.wait(run);
  assert.equal((await gpusOf(yard))[0]?.state, 'free');
  await ended(yard, 'exit 5');
  assert.equal((await gpusOf(yard))[0]?.state, 'aside');
});

test('a script that dies on one GPU and on the next is at fault itself', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:2' });
  const script = path.join(yard.home, 'train');
  fs.writeFileSync(script, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  // Somebody has the first one now and then: the script meets both.
  for (let n = 0; n < 6; n += 1) {
    const busy = await submit(yard, 'sleep 600', { stop: { grace_s: 0 } });
    await until(async () => (await yard.client.get(busy)).status === 'running', 'it to run');
    if (n % 2 === 0) await yard.client.wait(await submit(yard, '', { command: [script] }));
    await yard.client.stop(busy, { now: true });
    await yard.client.wait(busy);
    if (n % 2 === 1) await yard.client.wait(await submit(yard, '', { command: [script] }));
  }
  assert.deepEqual(
    (await gpusOf(yard)).map(({ state }) => state),
    ['free', 'free'],
  );
});

/** nvidia-smi of two GPUs, on the second of which a process computes whose pid is in a file. */
function smi(home: string): string {
  const dir = path.join(home, 'bin');
  fs.mkdirSync(dir);
  const gpu = (n: number, processes: string): string =>
    `<gpu id="0000000${n}:01:00.0"><product_name>made up</product_name><uuid>GPU-0000000${n}-0000-0000-0000-000000000000</uuid><minor_number>${n}</minor_number><fb_memory_usage><total>24576 MiB</total><used>10 MiB</used></fb_memory_usage><utilization><gpu_util>0 %</gpu_util></utilization><processes>${processes}</processes></gpu>`;
  const process = `$([ -f ${home}/pid ] && echo "<process_info><pid>$(cat ${home}/pid)</pid><type>C</type><process_name>python</process_name><used_memory>9 MiB</used_memory></process_info>")`;
  const text = `<?xml version="1.0" ?><nvidia_smi_log><driver_version>550</driver_version><attached_gpus>2</attached_gpus>${gpu(0, '')}${gpu(1, process)}</nvidia_smi_log>`;
  const lines = ['#!/bin/sh', 'cat <<E', text, 'E'].join('\n');
  fs.writeFileSync(path.join(dir, 'nvidia-smi'), `${lines}\n`, { mode: 0o755 });
  return dir;
}

for (const policy of ['report', 'stop'] as const) {
  test(`a run on a GPU that it was not given is told of; policy ${policy}`, async (t) => {
    const home = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'runyard-stray-'));
    t.after(() => fs.rmSync(home, { recursive: true, force: true }));
    const tools = `${smi(home)}:${process.env.PATH}`;
    await using yard = await startYard(
      { RUNYARD_GPUS: 'auto', PATH: tools },
      { home, settings: { gpu_strays: policy } },
    );
    const run = await submit(yard, `echo $$ > ${home}/new; mv ${home}/new ${home}/pid; sleep 600`);
    const text = 'uses GPU-00000001, which it was not given';
    if (policy === 'report') {
      await until(async () => (await yard.client.get(run)).why === text, 'it to be told', 60_000);
      assert.equal((await yard.client.get(run)).status, 'running');
      assert.deepEqual(await reasonsOf(yard), [`run ${run} ${text}`]);
    } else {
      const { status, stop_user, stop_reason } = await yard.client.wait(run);
      assert.deepEqual([status, stop_user, stop_reason], ['cancelled', 'runyard', text]);
    }
  });
}

test('a GPU that its tool no longer lists is named by health, and given out again when it is back', async (t) => {
  const home = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'runyard-lost-'));
  t.after(() => fs.rmSync(home, { recursive: true, force: true }));
  const list = (name: string): void => {
    fs.copyFileSync(path.join(import.meta.dirname, '../fixtures/gpus', name), `${home}/new`);
    fs.renameSync(`${home}/new`, `${home}/now`);
  };
  list('nvidia-two.xml');
  const tools = path.join(home, 'bin');
  fs.mkdirSync(tools);
  const tool = `#!/bin/sh\ncat ${home}/now\n`;
  fs.writeFileSync(path.join(tools, 'nvidia-smi'), tool, { mode: 0o755 });
  await using yard = await startYard(
    { RUNYARD_GPUS: 'auto', PATH: `${tools}:${process.env.PATH}` },
    { home, settings: { gpu_foreign: 'ignore' } },
  );
  assert.deepEqual(await reasonsOf(yard), []);
  list('nvidia-second-alone.xml');
  const lost = 'GPU-1a2b3c4d is sick: lost: it is not listed any more; it is given to nobody';
  await until(async () => (await reasonsOf(yard)).includes(lost), 'it to be told', 60_000);
  assert.equal((await yard.client.health()).gpus_free, 1);
  list('nvidia-two.xml');
  await until(async () => (await reasonsOf(yard)).length === 0, 'it to be well', 60_000);
  assert.equal((await yard.client.health()).gpus_free, 2);
});
