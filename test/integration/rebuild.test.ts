/** The registry is lost or damaged, and the run directories tell what it knew. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { isAlive, judge } from '../../src/rundir/index.ts';
import { journalTrainer, startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const daemonScript = path.resolve(import.meta.dirname, '../fixtures/daemon.ts');

type Config = Parameters<Yard['client']['submit']>[0];

async function submit(yard: Yard, config: Config, key?: string): Promise<string> {
  const options = key === undefined ? { env } : { env, key };
  return (await yard.client.submit({ cwd: yard.home, ...(config as object) }, options)).run_id;
}

/** Journals as `journalTrainer`, and ends when the file `until` is there. */
function waiting(journal: string, until: string, exitCode: number): string[] {
  const script = `echo start >> "$0"; while [ ! -e "$1" ]; do sleep 0.05; done; echo end >> "$0"; exit ${exitCode}`;
  return ['sh', '-c', script, journal, until];
}

async function inState(yard: Yard, run: string, state: string): Promise<void> {
  await until(async () => (await yard.client.get(run)).state === state, `${run} to be ${state}`);
}

function loseRegistry(yard: Yard): void {
  for (const suffix of ['', '-wal', '-shm'])
    fs.rmSync(path.join(yard.home, `registry.db${suffix}`), { force: true });
}

/** A daemon that is to refuse to start. */
async function refusal(yard: Yard): Promise<string> {
  const { exitCode, stderr } = await execa(process.execPath, [daemonScript], {
    env: { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, RUNYARD_GPUS: 'none' },
    reject: false,
  });
  assert.equal(exitCode, 1);
  return stderr;
}

test('a lost registry is remade: finished runs keep their ends, live ones are adopted, none is started twice', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '3', RUNYARD_GPUS: 'fake:2' });
  const journal = (name: string): string => path.join(yard.home, `journal-${name}`);
  const gate = (name: string): string => path.join(yard.home, `gate-${name}`);
  const good = await submit(yard, { command: ['true'], name: 'good' }, 'nightly');
  const bad = await submit(yard, { command: journalTrainer(journal('bad'), 1, 3) });
  const stopped = await submit(yard, { command: ['sleep', '600'] });
  await inState(yard, stopped, 'running.live');
  await yard.client.stop(stopped, { reason: 'wrong lr', user: 'ana' });
  const finished = await Promise.all([good, bad, stopped].map((run) => yard.client.wait(run)));
  const events = await Promise.all([good, bad, stopped].map((run) => yard.events(run)));

  const live = await submit(yard, { command: waiting(journal('live'), gate('live'), 5), gpus: 1 });
  const paused = await submit(yard, { command: ['sleep', '600'] });
  const ending = await submit(yard, {
    command: ['sh', '-c', 'trap "" TERM; echo on; while :; do sleep 1; done'],
    stop: { grace_s: 2 },
  });
  const during = await submit(yard, {
    command: waiting(journal('during'), gate('during'), 7),
  });
  const queued = await submit(yard, { command: journalTrainer(journal('queued'), 1, 0) });
  for (const run of [live, paused, ending, during]) await inState(yard, run, 'running.live');
  process.kill((await yard.client.get(paused)).pid, 'SIGSTOP');
  await yard.client.stop(ending, { reason: 'enough', user: 'ben' });
  await yard.crash();
  fs.writeFileSync(gate('during'), '');
  await until(
    () => fs.readFileSync(journal('during'), 'utf8').endsWith('end\n'),
    'the short one to end',
  );
  loseRegistry(yard);

  assert.match(await refusal(yard), /registry .* is gone.*runyard up --rebuild-registry/);
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  const { recovery } = await yard.client.health();
  assert.match(
    recovery?.text ?? '',
    /^registry remade: (3 finished, 4|4 finished, 3) live, 1 queued runs/,
  );
  assert.equal(recovery?.registry_kept, '');

  for (const [index, before] of finished.entries()) {
    assert.deepEqual(await yard.client.get(before.run_id), before);
    const after = await yard.events(before.run_id);
    // Their order within the yard is counted anew; all else is as it was.
    assert.deepEqual(
      after.map((event) => ({ ...event, pos: 0 })),
      events[index]?.map((event) => ({ ...event, pos: 0 })),
    );
  }
  assert.equal(
    (
      await yard.client.submit(
        { cwd: yard.home, command: ['true'], name: 'good' },
        { env, key: 'nightly' },
      )
    ).run_id,
    good,
  );

  assert.deepEqual((await yard.client.get(live)).gpu_slots, ['fake-0']);
  assert.equal((await yard.client.health()).gpus_free, 1);
  assert.equal((await yard.client.get(paused)).state, 'running.paused.confirmed');
  assert.match((await yard.client.get(paused)).why, /found stopped/);
  await yard.client.stop(paused, { now: true });

  const ended = await yard.client.wait(ending);
  assert.deepEqual(
    [ended.status, ended.stop_user, ended.stop_reason],
    ['cancelled', 'ben', 'enough'],
  );
  assert.equal((await yard.client.wait(during)).exit_code, 7);
  fs.writeFileSync(gate('live'), '');
  assert.equal((await yard.client.wait(live)).exit_code, 5);
  assert.equal((await yard.client.wait(queued)).status, 'completed');
  for (const name of ['bad', 'live', 'during', 'queued'])
    assert.equal(fs.readFileSync(journal(name), 'utf8'), 'start\nend\n', name);
  for (const run of [live, during, queued]) {
    const seqs = (await yard.events(run)).map(({ seq }) => seq);
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
    );
  }
  await until(async () => {
    const { outbox_depth: depth, bus_connected: up } = await yard.client.health();
    return up && depth === 0;
  }, 'the bus to be told all of it');
});

test('a damaged registry is told, kept beside, and remade', async () => {
  await using yard = await startYard();
  const run = await submit(yard, { command: ['true'] });
  const before = await yard.client.wait(run);
  await yard.crash();
  const file = path.join(yard.home, 'registry.db');
  for (const suffix of ['-wal', '-shm']) fs.rmSync(`${file}${suffix}`, { force: true });
  fs.writeFileSync(file, 'this is no database, and it is long enough to be looked at'.repeat(100));

  assert.match(await refusal(yard), /is damaged; .*runyard up --rebuild-registry/);
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  assert.deepEqual(await yard.client.get(run), before);
  const kept = (await yard.client.health()).recovery?.registry_kept ?? '';
  assert.match(fs.readFileSync(kept, 'utf8'), /^this is no database/);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
});

test('damage that opening does not see is told all the same', async () => {
  await using yard = await startYard();
  const run = await submit(yard, { command: ['true'] });
  const before = await yard.client.wait(run);
  await yard.client.shutdown();
  const file = path.join(yard.home, 'registry.db');
  const fd = await until(
    () => (fs.existsSync(`${file}-wal`) ? null : fs.openSync(file, 'r+')),
    'the end',
  );
  const head = 4096;
  fs.writeSync(fd, Buffer.alloc(fs.fstatSync(fd).size - head, 0x55), 0, undefined, head);
  fs.closeSync(fd);

  assert.match(await refusal(yard), /is damaged; .*runyard up --rebuild-registry/);
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  assert.deepEqual(await yard.client.get(run), before);
});

test('runs without an outcome are judged by their attempts; what may have begun is not begun again', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '1' });
  const file = (run: string, name: string): string => path.join(yard.home, 'runs', run, name);
  const journal = path.join(yard.home, 'journal');
  const bad = await submit(yard, { command: journalTrainer(journal, 1, 3) });
  const cancelled = await submit(yard, { command: ['sleep', '600'] });
  await inState(yard, cancelled, 'running.live');
  await yard.client.stop(cancelled, { user: 'ana' });
  await yard.client.wait(cancelled);
  const holder = await submit(yard, { command: ['sleep', '600'] });
  await inState(yard, holder, 'running.live');
  const [noEnv, otherBoot, traced, unread] = [
    await submit(yard, { command: ['touch', path.join(yard.home, 'no-env')] }),
    await submit(yard, { command: ['touch', path.join(yard.home, 'other-boot')] }),
    await submit(yard, { command: ['touch', path.join(yard.home, 'traced')] }),
    await submit(yard, { command: ['true'] }),
  ];
  await yard.crash();
  for (const run of [bad, cancelled]) fs.rmSync(file(run, 'outcome.json'));
  fs.rmSync(file(noEnv, 'env'));
  const config = JSON.parse(fs.readFileSync(file(otherBoot, 'config.json'), 'utf8'));
  fs.writeFileSync(file(otherBoot, 'config.json'), JSON.stringify({ ...config, boot_id: 'other' }));
  fs.mkdirSync(path.join(yard.home, 'artifacts', traced));
  fs.writeFileSync(file(unread, 'config.json'), '{');
  loseRegistry(yard);

  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  const { recovery } = await yard.client.health();
  assert.match(
    recovery?.text ?? '',
    /2 finished, 1 live, 0 queued, 3 not started again, 1 unreadable/,
  );
  const { status, exit_code, failure_reason } = await yard.client.get(bad);
  assert.deepEqual([status, exit_code, failure_reason?.code], ['failed', 3, 'exit_nonzero']);
  const after = await yard.client.get(cancelled);
  assert.deepEqual([after.status, after.stop_user], ['cancelled', 'ana']);
  for (const [run, why] of [
    [noEnv, /environment is gone/],
    [otherBoot, /restarted/],
    [traced, /something of it ran/],
  ] as const) {
    const found = await yard.client.get(run);
    assert.equal(found.status, 'rejected');
    assert.match(found.why, why);
  }
  await yard.client.stop(holder, { now: true });
  await yard.client.wait(holder);
  for (const name of ['no-env', 'other-boot', 'traced'])
    assert.ok(!fs.existsSync(path.join(yard.home, name)));
  assert.equal(fs.readFileSync(journal, 'utf8'), 'start\nend\n');
});

test('processes of runs that the registry does not know are left alone', async () => {
  await using yard = await startYard();
  const run = await submit(yard, { command: ['sleep', '600'] });
  await inState(yard, run, 'running.live');
  const verdict = judge(path.dirname(yard.attemptFile(run, 'start')));
  assert.ok(verdict.kind === 'started' && verdict.trainer !== null);
  await yard.crash();
  // An older copy of the registry was put back, as it seems.
  const hidden = path.join(yard.home, 'hidden');
  fs.renameSync(path.join(yard.home, 'runs', run), hidden);
  loseRegistry(yard);
  await yard.up();
  fs.renameSync(hidden, path.join(yard.home, 'runs', run));
  await yard.crash();
  await yard.up();
  await until(async () => (await yard.client.health()).recovery?.unknown_dirs === 1, 'the start');
  assert.ok(isAlive(verdict.trainer));
  await yard.crash();
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  assert.equal((await yard.client.get(run)).state, 'running.live');
});
