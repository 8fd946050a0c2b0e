import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { RunyardError } from '../../src/errors.ts';
import type { Fault } from '../fixtures/failing.store.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
/** More writes than a run makes. */
const writesMax = 150;

/** A yard whose registry fails when it is armed. */
async function startFailing(): Promise<{ yard: Yard; armed: string }> {
  const armed = path.join(
    fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'fault-')),
    'armed',
  );
  const yard = await startYard({ RUNYARD_TEST_FAULT: armed, RUNYARD_LOG: 'silent' });
  return { yard, armed };
}

function arm(file: string, fault: Fault): void {
  fs.writeFileSync(`${file}.new`, JSON.stringify(fault));
  fs.renameSync(`${file}.new`, file);
}

/** Submits as a client does that was told to try again. */
async function submit(yard: Yard, command: string[], key: string): Promise<string> {
  return until(async () => {
    try {
      return (await yard.client.submit({ command, cwd: '/' }, { env, key })).run_id;
    } catch (error) {
      if (error instanceof RunyardError && error.code === 'registry_unavailable') return null;
      throw error;
    }
  }, 'the submit to be taken');
}

/** One run after another, the nth write of each failing, until one passes with no write left to fail. */
async function failEachWrite(t: TestContext, code: string): Promise<void> {
  const { yard: made, armed } = await startFailing();
  await using yard = made;
  t.after(() => fs.rmSync(path.dirname(armed), { recursive: true }));
  const journal = path.join(yard.home, 'journal');
  for (let after = 0; ; after += 1) {
    assert.ok(after < writesMax, 'no run passed clean');
    arm(armed, { code, after, lasting: false });
    const run = await submit(yard, ['sh', '-c', 'echo start >>"$0"; exit 7', journal], `n${after}`);
    const done = await yard.client.wait(run);
    const clean = fs.existsSync(armed);
    fs.rmSync(armed, { force: true });
    assert.deepEqual([done.status, done.exit_code], ['failed', 7], `write ${after}`);
    assert.equal(fs.readFileSync(journal, 'utf8'), 'start\n', `write ${after}`);
    fs.rmSync(journal);
    const seqs = (await yard.events(run)).map(({ seq }) => seq);
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
    );
    if (!clean) continue;
    t.diagnostic(`${after} writes failed, one a run`);
    break;
  }
  await until(async () => {
    const { status, outbox_depth: depth } = await yard.client.health();
    return status === 'ok' && depth === 0;
  }, 'all to be well');
}

test('F10: whichever write of a run fails once with IOERR, it runs once and ends truly', (t) =>
  failEachWrite(t, 'SQLITE_IOERR_WRITE'));

test('F10: a registry that cannot be written is told, live runs go on, and it heals by itself', async (t) => {
  const { yard: made, armed } = await startFailing();
  await using yard = made;
  t.after(() => fs.rmSync(path.dirname(armed), { recursive: true }));
  const go = path.join(yard.home, 'go');
  const run = await submit(
    yard,
    ['sh', '-c', 'while [ ! -e "$0" ]; do sleep 0.02; done; exit 4', go],
    'live',
  );
  await until(async () => (await yard.client.get(run)).state === 'running.live', 'a live run');
  arm(armed, { code: 'SQLITE_IOERR_FSYNC', after: 0, lasting: true });
  fs.writeFileSync(go, '');
  const sick = await until(async () => {
    const health = await yard.client.health();
    return health.reasons.some(({ part }) => part === 'registry') ? health : null;
  }, 'the trouble to be told');
  assert.match(sick.reasons[0]?.text ?? '', /registry\.db cannot be .*IOERR.* live ones go on/);
  await assert.rejects(
    yard.client.submit({ command: ['true'], cwd: '/' }, { env }),
    (error) => error instanceof RunyardError && error.code === 'registry_unavailable',
  );
  await assert.rejects(
    yard.client.stop(run),
    (error) => error instanceof RunyardError && error.code === 'registry_unavailable',
  );
  assert.equal((await yard.client.get(run)).status, 'running', 'what is not stored did not happen');
  fs.rmSync(armed);
  const done = await yard.client.wait(run);
  assert.deepEqual([done.status, done.exit_code], ['failed', 4]);
  await until(async () => (await yard.client.health()).status === 'ok', 'all to be well');
});

test('F10: damage met at run time is told with the way out, and ends no live run', async (t) => {
  const { yard: made, armed } = await startFailing();
  await using yard = made;
  t.after(() => fs.rmSync(path.dirname(armed), { recursive: true }));
  const run = await submit(yard, ['sleep', '600'], 'live');
  await until(async () => (await yard.client.get(run)).state === 'running.live', 'a live run');
  arm(armed, { code: 'SQLITE_CORRUPT', after: 0, lasting: true });
  const sick = await until(async () => {
    const { reasons } = await yard.client.health();
    return reasons.find(({ part }) => part === 'registry') ?? null;
  }, 'the damage to be told');
  assert.equal(sick.severity, 'failed');
  assert.match(sick.text, /registry\.db is damaged.*up --rebuild-registry/);
  await assert.rejects(
    yard.client.submit({ command: ['true'], cwd: '/' }, { env }),
    (error) => error instanceof RunyardError && error.code === 'registry_corrupt',
  );
  assert.equal((await yard.client.get(run)).state, 'running.live');
  fs.rmSync(armed);
});

test('F10: a damaged registry is no reason for a new one: the start names it and the way out', async () => {
  await using yard = await startYard();
  for (let i = 0; i < 10; i += 1) {
    const { run_id: run } = await yard.client.submit({ command: ['true'], cwd: '/' }, { env });
    await yard.client.wait(run);
  }
  await yard.client.shutdown({ keepBus: true });
  await until(() => !fs.existsSync(`/proc/${yard.daemonPid()}`), 'the daemon to end');
  const file = path.join(yard.home, 'registry.db');
  const whole = fs.readFileSync(file);
  const damaged = Buffer.from(whole);
  // Pages in the middle, which opening alone does not read.
  damaged.fill(0xa5, damaged.length / 2, damaged.length / 2 + 8192);
  fs.writeFileSync(file, damaged);
  const script = path.resolve(import.meta.dirname, '../fixtures/daemon.ts');
  const start = await execa(process.execPath, [script], {
    env: { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, RUNYARD_GPUS: 'none' },
    reject: false,
  });
  assert.equal(start.exitCode, 1);
  assert.match(start.stderr, /registry\.db.* damaged.*up --rebuild-registry/);
  assert.ok(fs.readFileSync(file).equals(damaged), 'it was left as it is');
  fs.writeFileSync(file, whole);
  await yard.up();
});
