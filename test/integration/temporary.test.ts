/** Temporary files of an attempt: in a place of its own, and gone with it. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };

async function submit(
  yard: Yard,
  script: string,
  extra: { env?: Record<string, string>; config?: Record<string, string> } = {},
): Promise<string> {
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', script], cwd: yard.home, env: extra.config ?? {} },
    { env: { ...env, ...extra.env } },
  );
  return run;
}

async function said(yard: Yard, run: string): Promise<string> {
  return until(async () => {
    for await (const chunk of yard.client.logs(run)) if (chunk.lines[0]) return chunk.lines[0].text;
    return null;
  }, 'the trainer to say where it is');
}

test('each attempt has its own directory, which goes with it however it ends', async () => {
  await using yard = await startYard();
  const base = path.join(yard.home, 'scratch');
  fs.mkdirSync(base);
  const messy =
    'mkdir -p $TMPDIR/a/b; echo x >$TMPDIR/a/b/file; chmod 500 $TMPDIR/a/b; echo $TMPDIR';
  const good = await submit(yard, messy, { env: { TMPDIR: base } });
  await yard.client.wait(good);
  assert.equal(await said(yard, good), path.join(base, `runyard-${good}-1`));
  assert.deepEqual(fs.readdirSync(base), []);

  const killed = await submit(yard, `${messy}; exec sleep 600`, { env: { TMPDIR: base } });
  const dir = await said(yard, killed);
  assert.equal(fs.statSync(dir).mode & 0o777, 0o700);
  assert.ok(fs.existsSync(path.join(dir, 'a/b/file')));
  await yard.client.stop(killed, { now: true });
  await yard.client.wait(killed);
  assert.deepEqual(fs.readdirSync(base), []);

  const plain = await submit(yard, 'echo $TMPDIR');
  await yard.client.wait(plain);
  assert.equal(await said(yard, plain), `/tmp/runyard-${plain}-1`);
  assert.ok(!fs.existsSync(`/tmp/runyard-${plain}-1`));
});

test('a place that was named for the run is left alone, and one that cannot be made is done without', async () => {
  await using yard = await startYard();
  const named = await submit(yard, 'echo x >$TMPDIR/mine; echo $TMPDIR', {
    config: { TMPDIR: yard.home },
  });
  await yard.client.wait(named);
  assert.equal(await said(yard, named), yard.home);
  assert.ok(fs.existsSync(path.join(yard.home, 'mine')));
  const nowhere = await submit(yard, 'echo $TMPDIR', { env: { TMPDIR: '/nowhere' } });
  assert.equal((await yard.client.wait(nowhere)).status, 'completed');
  assert.equal(await said(yard, nowhere), '/nowhere');
});

test('what a crash left is removed by the next start, but nobody else’s', async () => {
  await using yard = await startYard();
  const over = await submit(yard, 'true');
  await yard.client.wait(over);
  const live = await submit(yard, 'echo $TMPDIR; exec sleep 600');
  const kept = await said(yard, live);
  await yard.crash();
  const left = `/tmp/runyard-${over}-1`;
  const stranger = [...crypto.randomBytes(8)].map((byte) => 'abcdefgh'[byte % 8]).join('');
  const foreign = `/tmp/runyard-${stranger}-1`;
  for (const dir of [left, foreign]) fs.mkdirSync(dir);
  try {
    await yard.up();
    const pruned = async (): Promise<boolean> =>
      (await yard.client.health()).recovery?.temp_pruned === 1;
    await until(pruned, 'the start to be told');
    assert.deepEqual([left, foreign, kept].map(fs.existsSync), [false, true, true]);
    assert.match((await yard.client.health()).recovery?.text ?? '', /1 temporary directory pruned/);
  } finally {
    fs.rmSync(foreign, { recursive: true });
  }
  await yard.client.stop(live, { now: true });
  await yard.client.wait(live);
  assert.ok(!fs.existsSync(kept));
});
