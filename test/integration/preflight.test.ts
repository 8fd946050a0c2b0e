/** What is looked at before a run starts: all of it at once, by a real daemon. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { createHash } from '../../src/actors/index.ts';
import { startYard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

function sha256(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex');
}

test('data sets, interpreter, script and space are looked at, and every reason is told at once', async () => {
  await using yard = await startYard();
  const at = (name: string): string => path.join(yard.home, name);
  const cwd = at('work');
  fs.mkdirSync(path.join(cwd, 'data'), { recursive: true });
  fs.writeFileSync(path.join(cwd, 'data/one'), 'hello');
  fs.writeFileSync(path.join(cwd, 'two'), 'hello');
  fs.writeFileSync(at('empty'), '');
  fs.writeFileSync(at('train'), `#!${at('venv/bin/python')}\n`, { mode: 0o755 });
  fs.writeFileSync(at('script.py'), 'print(1)');
  const data = [
    { path: 'data', bytes: 6 },
    { path: 'gone' },
    { path: at('empty') },
    { path: 'two', sha256: sha256('other') },
  ];
  const code = { script: at('script.py'), script_sha256: sha256('print(1)') };
  const config = { command: [at('train')], cwd, data, disk_mib: 2 ** 30, code, hold: true };
  // It is there at submit, as most things are that are missing later.
  const { run_id: run } = await yard.client.submit(config, { env });
  fs.rmSync(at('script.py'));
  await yard.client.release(run, { reason: '' });
  const { status, failure_reason } = await yard.client.wait(run);
  assert.equal(status, 'rejected');
  const text = failure_reason?.text ?? '';
  for (const reason of [
    `the interpreter ${at('venv/bin/python')} of ${at('train')} is not an executable file`,
    `the script ${at('script.py')} was there at submit and cannot be read now`,
    `${2 ** 30} MiB have to be free below ${cwd}; `,
    `the data set ${cwd}/data has 5 bytes instead of 6`,
    `the data set ${cwd}/gone does not exist`,
    `the data set ${at('empty')} is empty`,
    'and 1 more',
  ])
    assert.ok(text.includes(reason), `${reason}: ${text}`);

  const other = { path: 'two', sha256: sha256('other') };
  const { run_id: changed } = await yard.client.submit(
    { command: ['true'], cwd, data: [other] },
    { env },
  );
  assert.equal(
    (await yard.client.wait(changed)).failure_reason?.text,
    `the data set ${cwd}/two has the SHA-256 ${sha256('hello')} instead of ${other.sha256}`,
  );

  const good = [
    { path: 'data', bytes: 5 },
    { path: 'two', sha256: sha256('hello') },
  ];
  const { run_id: next } = await yard.client.submit(
    { command: ['true'], cwd, data: good },
    { env },
  );
  assert.equal((await yard.client.wait(next)).status, 'completed');
});

test('many reasons are cut to what a small message holds, and counted', async () => {
  await using yard = await startYard();
  const data = Array.from({ length: 64 }, (_, n) => ({ path: `${'x'.repeat(100)}-${n}` }));
  const config = { command: ['true'], cwd: yard.home, data };
  const { run_id: run } = await yard.client.submit(config, { env });
  const { failure_reason } = await yard.client.wait(run);
  assert.match(failure_reason?.text ?? '', /-0 does not exist; .*; and \d\d more$/);
});

test('a data set of the command line is checked for, and dry run says what is missing', async () => {
  await using yard = await startYard();
  const file = path.join(yard.home, 'set.hdf5');
  const ask = (...args: string[]) =>
    execa(runyard, ['submit', '--cwd', yard.home, ...args, '--', 'true'], {
      env: { RUNYARD_HOME: yard.home },
      cwd: yard.home,
      reject: false,
    });
  const refused = await ask('--dry-run', '--data', 'set.hdf5', '--disk', '1M');
  assert.equal(refused.exitCode, 4);
  assert.equal(refused.stdout, `refused\tthe data set ${file} does not exist`);
  fs.writeFileSync(file, 'points');
  const run = await ask('--data', `set.hdf5@${sha256('points').toUpperCase()}`);
  assert.equal((await yard.client.wait(run.stdout)).status, 'completed');
});

test('a checksum is made once for many, and one that is called off leaves the others theirs', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-hash-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'pipe');
  await execa('mkfifo', [file]);
  const hash = createHash();
  const first = new AbortController();
  // A pipe without a writer is a data set that takes its time.
  const calledOff = hash(file, first.signal);
  const others = [hash(file), hash(file)];
  first.abort();
  await assert.rejects(calledOff);
  await fs.promises.writeFile(file, 'points');
  // The pipe has been read once: who read for himself would find it empty.
  assert.deepEqual(await Promise.all(others), [sha256('points'), sha256('points')]);
});
