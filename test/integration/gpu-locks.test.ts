/** The kernel's guard of GPUs, between yards that know nothing of each other. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openGpuLocks } from '../../src/daemon/gpu-locks.ts';
import { removeTree } from '../remove-tree.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };

function temporary(t: { after(act: () => void): void }): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-locks-'));
  t.after(() => removeTree(dir));
  return dir;
}
async function submit(yard: Yard, config: Record<string, unknown>): Promise<string> {
  const given = { command: ['sleep', '600'], cwd: yard.home, stop: { grace_s: 1 }, ...config };
  return (await yard.client.submit(given, { env, user: 'ana' })).run_id;
}

test('a GPU that another yard holds is waited for, whole or in shares, and nothing fails', async (t) => {
  const dir = path.join(temporary(t), 'locks');
  const how = { settings: { gpu_locks: dir } };
  await using first = await startYard({ RUNYARD_GPUS: 'fake:2' }, how);
  await using second = await startYard({ RUNYARD_GPUS: 'fake:2' }, how);
  const live = (yard: Yard, run: string) =>
    until(
      async () => (await yard.client.get(run)).state === 'running.live',
      `${run} to live`,
      120_000,
    );
  const a = await submit(first, { gpus: 1 });
  await live(first, a);
  const b = await submit(first, { gpus: 0.5 });
  await live(first, b);
  const locks = fs.readdirSync(dir).filter((name) => name.endsWith('.lock'));
  assert.deepEqual(locks.sort(), ['fake-0.lock', 'fake-1#0.lock', 'fake-1.lock']);
  assert.equal(fs.statSync(dir).mode & 0o7777, 0o1777);
  assert.equal(fs.statSync(path.join(dir, 'fake-0.lock')).mode & 0o777, 0o644);
  const c = await submit(second, { gpus: 1, command: ['true'] });
  const { username } = os.userInfo();
  const waits = `fake-0 used by run ${a} of ${username}, fake-1 used by run ${b} of ${username}`;
  await until(
    async () => (await second.client.get(c)).why.includes(waits),
    'both to be seen as used',
    120_000,
  );
  assert.equal((await second.client.get(c)).state, 'queued');
  // One becomes free: it is tried again.
  await first.client.stop(b, { now: true });
  assert.equal((await second.client.wait(c)).status, 'completed');
  await first.client.stop(a, { now: true });
  await Promise.all([a, b].map((run) => first.client.wait(run)));
});

test('a common directory is made for all accounts, and nothing in its place is trusted', (t) => {
  const dir = temporary(t);
  const own = path.join(dir, 'own');
  const made = openGpuLocks(path.join(dir, 'made'), own, true);
  assert.deepEqual([made.dir, made.trouble], [path.join(dir, 'made'), null]);
  assert.deepEqual(made.exclusive(['g0', 'g1#3']), [
    path.join(made.dir, 'g0.lock'),
    path.join(made.dir, 'g1#3.lock'),
  ]);
  assert.deepEqual(made.shared(['g0', 'g1#3']), [path.join(made.dir, 'g1.lock')]);
  assert.equal(openGpuLocks(made.dir, own, true).trouble, null, 'another one finds it');
  fs.symlinkSync(made.dir, path.join(dir, 'link'));
  fs.writeFileSync(path.join(dir, 'file'), '');
  for (const name of ['link', 'file', 'no/such']) {
    const refused = openGpuLocks(path.join(dir, name), own, true);
    assert.equal(refused.dir, own);
    assert.match(refused.trouble ?? '', /cannot be used/);
  }
});
