/** What a stop of the daemon leaves alone, and what it does not wait for. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createLink } from '../../src/executors/local/link.ts';
import { dialSocket, listeningWorker } from '../../src/executors/local/socket.ts';
import { attemptDir, identityOf } from '../../src/rundir/index.ts';
import { createLogger, systemClock } from '../../src/telemetry/index.ts';
import { openControl } from '../../src/worker/control.ts';
import { removeTree } from '../remove-tree.ts';
import { startYard, until } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };

test('a daemon that is told to stop ends at once, and its runs go on', async () => {
  await using yard = await startYard();
  const config = { command: ['sleep', '600'], cwd: yard.home };
  const { run_id: run } = await yard.client.submit(config, { env });
  const { pid } = await until(async () => {
    const found = await yard.client.get(run);
    return found.state === 'running.live' ? found : null;
  }, 'the run to be live');
  const daemon = identityOf(yard.daemonPid());
  await yard.client.shutdown();
  // Its workers have the run for another ten minutes.
  await until(() => identityOf(yard.daemonPid())?.start_time !== daemon?.start_time, 'its end');
  await yard.up();
  const after = await yard.client.get(run);
  assert.deepEqual([after.status, after.pid], ['running', pid]);
});

test('a daemon ends although something in it was left open', async () => {
  await using yard = await startYard({ RUNYARD_TEST_LEFT_OPEN: '1' });
  const daemon = yard.daemonPid();
  await yard.client.shutdown();
  await until(() => identityOf(daemon) === null, 'its end');
});

test('a daemon that comes while the last one ends waits for that, and starts', async () => {
  await using yard = await startYard();
  const last = yard.daemonPid();
  await yard.client.shutdown();
  const owner = path.join(yard.home, 'daemon.lock.json');
  await until(() => JSON.parse(fs.readFileSync(owner, 'utf8')).ending, 'its end to begin');
  process.kill(last, 'SIGSTOP');
  const started = yard.up();
  await until(() => yard.daemonPid() !== last, 'the next one');
  const maps = `/proc/${yard.daemonPid()}/maps`;
  await until(() => fs.readFileSync(maps, 'utf8').includes('sqlite'), 'it to look at the lock');
  process.kill(last, 'SIGCONT');
  await started;
  assert.equal((await yard.client.health()).pid, yard.daemonPid());
});

/** A worker's end of an attempt that nobody has acknowledged anything of. */
async function openAttempt(home: string) {
  const dir = attemptDir(home, 'k3f9a2mx', 1);
  fs.mkdirSync(dir, { recursive: true });
  const control = await openControl({
    config: {
      run_id: 'k3f9a2mx',
      attempt: 1,
      generation: 1,
      dir,
      socket: path.join(dir, 'worker.sock'),
    } as Parameters<typeof openControl>[0]['config'],
    onWish: () => undefined,
    onGo: () => undefined,
    onFact: () => undefined,
    clock: systemClock(),
  });
  assert.ok(control !== null);
  control.fact('attempt.voided', {});
  return { dir, control };
}

function linkTo(dir: string) {
  return createLink({
    runId: 'k3f9a2mx',
    attempt: 1,
    dir,
    pool: {
      acquire: () => assert.fail('nobody else is needed'),
      idle: () => 0,
      alive: () => 0,
      close: () => undefined,
    },
    // A daemon that is done with the run and takes nothing more of it.
    events: {
      onFact: () => false,
      onBeat: () => undefined,
      generation: () => 1,
      nextGeneration: () => 2,
    },
    clock: systemClock(),
    dial: dialSocket,
    listening: listeningWorker,
    killWorker: () => false,
    writeWorkerConfig: () => '',
    synced: async () => undefined,
    log: createLogger('test', { level: 'silent' }),
  });
}

test('a worker whose attempt is over waits for no acknowledgement any more', async (t) => {
  for (const connected of [true, false]) {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-over-'));
    t.after(() => removeTree(home));
    const { dir, control } = await openAttempt(home);
    const link = linkTo(dir);
    // Connecting, or never connected so far.
    if (connected) link.ensure();
    link.release();
    await control.acknowledged(Number.POSITIVE_INFINITY);
    control.close();
  }
});

test('a worker that is done with an attempt is not taken for its worker, although it lives', async (t) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-over-'));
  t.after(() => removeTree(home));
  const { dir, control } = await openAttempt(home);
  assert.notEqual(listeningWorker(dir), null);
  // Nobody took its fact: the next daemon must get another worker, which states it again.
  control.close();
  assert.equal(listeningWorker(dir), null);
});
