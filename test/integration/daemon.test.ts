import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { connect as natsConnect } from '@nats-io/transport-node';
import { execa } from 'execa';
import { RunyardError } from '../../src/errors.ts';
import { isAlive, readClaim } from '../../src/rundir/index.ts';
import { journalTrainer, startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

/** Events are 1, 2, 3 … and begin and end as they must. */
async function assertWhole(yard: Yard, run: string, final: string): Promise<void> {
  const events = await yard.events(run);
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, index) => index + 1),
  );
  assert.equal(events[0]?.event, 'run.submit');
  assert.equal(events.at(-1)?.to, `done.${final}`);
}

/** The run's lines, once each and in order, as the recorder kept them. */
async function linesOf(yard: Yard, run: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const chunk of yard.client.logs(run))
    lines.push(...chunk.lines.map(({ text }) => text));
  return lines;
}

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `line ${index + 1}`);

async function submitJournal(yard: Yard, lines: number, exitCode: number) {
  const journal = path.join(yard.home, 'journal');
  const command = journalTrainer(journal, lines, exitCode);
  const { run_id: run } = await yard.client.submit({ command, cwd: yard.home }, { env });
  await until(() => fs.existsSync(journal), 'the trainer to start');
  return { run, journal };
}

test('a run goes from submit to done, and a plain NATS client reads its events', async () => {
  await using yard = await startYard();
  const { run } = await submitJournal(yard, 5, 3);
  const done = await yard.client.wait(run);
  assert.equal(done.status, 'failed');
  assert.equal(done.exit_code, 3);
  assert.deepEqual(done.failure_reason, { code: 'exit_nonzero', text: 'exited 3' });
  assert.deepEqual(await linesOf(yard, run), numbered(5));
  await assertWhole(yard, run, 'failed');
  const envFile = path.join(done.run_dir, 'env');
  await until(() => !fs.existsSync(envFile), 'the submitted environment to be deleted');

  const credentials = JSON.parse(
    fs.readFileSync(path.join(yard.home, 'bus/credentials.json'), 'utf8'),
  );
  const { bus_url: servers } = await until(async () => {
    const health = await yard.client.health();
    return health.bus_connected && health.outbox_depth === 0 ? health : null;
  }, 'the outbox to be relayed');
  const { user, password: pass } = credentials.reader;
  const nc = await natsConnect({ servers, user, pass });
  try {
    const consumer = await jetstream(nc, { checkAPI: false }).consumers.get('TEST_EVENTS', {
      filter_subjects: `test.runs.${run}.events`,
      deliver_policy: DeliverPolicy.All,
    });
    const seqs: number[] = [];
    for await (const message of await consumer.consume()) {
      const event = message.json<{ seq: number; to: string }>();
      seqs.push(event.seq);
      if (event.to.startsWith('done.')) break;
    }
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
    );
    assert.equal(seqs.length, done.last_seq);
  } finally {
    await nc.close();
  }
});

test('kill -9 of the daemon: the next one takes the run up, and it ends as if nothing had happened', async () => {
  await using yard = await startYard();
  const { run, journal } = await submitJournal(yard, 60, 7);
  await yard.crash();
  await yard.up();
  const done = await yard.client.wait(run);
  assert.equal(done.exit_code, 7);
  assert.equal(done.status, 'failed');
  assert.equal(fs.readFileSync(journal, 'utf8'), 'start\nend\n');
  assert.deepEqual(await linesOf(yard, run), numbered(60));
  await assertWhole(yard, run, 'failed');
});

test('a trainer that ends while no daemon lives is reported with its true exit', async () => {
  await using yard = await startYard();
  const { run, journal } = await submitJournal(yard, 10, 5);
  await yard.crash();
  await until(() => fs.readFileSync(journal, 'utf8').endsWith('end\n'), 'the trainer to end');
  await yard.up();
  const done = await yard.client.wait(run);
  assert.equal(done.exit_code, 5);
  await assertWhole(yard, run, 'failed');
});

test('kill -9 of the worker: another one reads on, and the trainer does not notice', async () => {
  await using yard = await startYard();
  const { run, journal } = await submitJournal(yard, 60, 0);
  const file = yard.attemptFile(run, 'worker.json');
  const { identity } = JSON.parse(fs.readFileSync(file, 'utf8'));
  process.kill(identity.pid, 'SIGKILL');
  const done = await yard.client.wait(run);
  assert.equal(done.status, 'completed');
  assert.equal(fs.readFileSync(journal, 'utf8'), 'start\nend\n');
  assert.deepEqual(await linesOf(yard, run), numbered(60));
  await assertWhole(yard, run, 'completed');
});

test('kill -9 of the bus: it comes back on its address and holds every event once', async () => {
  await using yard = await startYard();
  const { run } = await submitJournal(yard, 60, 0);
  const before = await until(async () => {
    const health = await yard.client.health();
    return health.bus_connected ? health : null;
  }, 'the bus');
  const { identity } = JSON.parse(
    fs.readFileSync(path.join(yard.home, 'bus/address.json'), 'utf8'),
  );
  process.kill(identity.pid, 'SIGKILL');
  const done = await yard.client.wait(run);
  assert.equal(done.status, 'completed');
  const after = await until(async () => {
    const health = await yard.client.health();
    return health.bus_connected && health.outbox_depth === 0 ? health : null;
  }, 'the bus to be back');
  assert.equal(after.bus_url, before.bus_url);
  await assertWhole(yard, run, 'completed');
});

test('kill -9 of the recorder: the run ends as exit_unobserved, and nothing of it is left', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:1' });
  const { run_id: run } = await yard.client.submit(
    { command: ['sleep', '600'], cwd: yard.home, gpus: 1, stop: { grace_s: 1 } },
    { env },
  );
  const live = await until(async () => {
    const found = await yard.client.get(run);
    return found.state === 'running.live' ? found : null;
  }, 'the run to be live');
  assert.deepEqual(live.gpu_slots, ['fake-0']);
  const claim = readClaim(path.dirname(yard.attemptFile(run, 'claim')));
  assert.ok(claim !== null && isAlive(claim));
  process.kill(claim.pid, 'SIGKILL');
  const done = await yard.client.wait(run);
  assert.equal(done.failure_reason?.code, 'exit_unobserved');
  assert.equal((await yard.client.health()).gpus_free, 1);
  const marked = fs.readdirSync('/proc').filter((pid) => {
    try {
      return fs.readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`RUNYARD_RUN_ID=${run}`);
    } catch {
      return false;
    }
  });
  assert.deepEqual(marked, []);
});

test('a stop is refused by no trainer: TERM, then KILL, and who asked is kept', async () => {
  await using yard = await startYard();
  const { run_id: run } = await yard.client.submit(
    {
      command: ['sh', '-c', 'trap "" TERM; (setsid sleep 600 &); echo on; sleep 600'],
      cwd: yard.home,
      stop: { grace_s: 0.3 },
    },
    { env },
  );
  await until(async () => (await linesOf(yard, run)).includes('on'), 'the trap to be set');
  await yard.client.stop(run, { reason: 'wrong lr', user: 'ana' });
  const done = await yard.client.wait(run);
  assert.equal(done.status, 'cancelled');
  assert.equal(done.exit_signal, 'SIGKILL');
  assert.deepEqual([done.stop_user, done.stop_reason], ['ana', 'wrong lr']);
  const events = (await yard.events(run)).map(({ event }) => event);
  assert.deepEqual(events.slice(-5), [
    'run.stop',
    'grace.ended',
    'trainer.exited',
    'output.collected',
    'slots.released',
  ]);
});

test('a queued run is stopped without starting anything', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '1' });
  const { run: first } = await submitJournal(yard, 2000, 0);
  const other = path.join(yard.home, 'other');
  const { run_id: second } = await yard.client.submit(
    { command: journalTrainer(other, 1, 0), cwd: yard.home },
    { env },
  );
  assert.match(
    (await yard.client.get(second)).why,
    /^needs 1 CPU slot; 0 of 1 free; next in line$/,
  );
  await yard.client.stop(second);
  assert.equal((await yard.client.wait(second)).status, 'cancelled');
  await yard.client.stop(first, { now: true });
  await yard.client.wait(first);
  assert.equal(fs.existsSync(other), false);
});

test('submitting twice with one key gives one run, and another configuration is refused', async () => {
  await using yard = await startYard();
  const config = { command: ['true'], cwd: yard.home };
  const one = await yard.client.submit(config, { env, key: 'nightly' });
  const two = await yard.client.submit(config, { env, key: 'nightly' });
  assert.deepEqual([one.created, two.created, two.run_id], [true, false, one.run_id]);
  await assert.rejects(
    yard.client.submit({ ...config, command: ['false'] }, { env, key: 'nightly' }),
    (error) => error instanceof RunyardError && error.code === 'key_conflict',
  );
});

test('a missing program is refused with field, rule and hint', async () => {
  await using yard = await startYard();
  await assert.rejects(
    yard.client.submit({ command: ['pyhton'], cwd: yard.home }, { env }),
    (error) =>
      error instanceof RunyardError &&
      error.code === 'config_invalid' &&
      error.violations[0]?.field === '/command/0' &&
      error.violations[0].hint !== '',
  );
});

test('a second daemon on one home ends with 1 and names the first', async () => {
  await using yard = await startYard();
  const script = path.resolve(import.meta.dirname, '../fixtures/daemon.ts');
  const second = await execa(process.execPath, [script], {
    env: { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, RUNYARD_GPUS: 'none' },
    reject: false,
  });
  assert.equal(second.exitCode, 1);
  const { tcp } = await yard.client.health();
  assert.match(second.stderr, new RegExp(`pid ${yard.daemonPid()}, endpoint .* and ${tcp}`));
});
