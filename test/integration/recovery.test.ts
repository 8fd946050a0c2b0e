/** What a start finds and does, and that it tells so once. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { execa } from 'execa';
import { isAlive, judge } from '../../src/rundir/index.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

async function submit(yard: Yard, command: string[]): Promise<string> {
  return (await yard.client.submit({ command, cwd: yard.home }, { env })).run_id;
}

async function live(yard: Yard, command: string[]): Promise<string> {
  const run = await submit(yard, command);
  await until(async () => (await yard.client.get(run)).state === 'running.live', `${run} to live`);
  return run;
}

/** A process that carries the marker of an attempt. */
function marked(t: TestContext, runDir: string) {
  const child = execa('sleep', ['600'], { reject: false, env: { RUNYARD_RUN_DIR: runDir } });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** The lines of the daemon's log in which a start tells what it did, the latest last. */
function told(yard: Yard): Record<string, unknown>[] {
  return fs
    .readFileSync(path.join(yard.home, 'daemon.test.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"unknown_dirs"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a start adopts, takes exits, replaces workers, ends orphans, mends leases, and tells it in one line', async (t) => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:2', RUNYARD_PARALLEL: '4' });
  const over = await submit(yard, ['true']);
  await yard.client.wait(over);
  const first = await live(yard, ['sleep', '600']);
  const second = await live(yard, ['sleep', '600']);
  const gate = path.join(yard.home, 'gate');
  const ending = await live(yard, [
    'sh',
    '-c',
    `while [ ! -e ${gate} ]; do sleep 0.05; done; exit 4`,
  ]);
  await yard.crash();

  const worker = JSON.parse(fs.readFileSync(yard.attemptFile(first, 'worker.json'), 'utf8'));
  process.kill(worker.identity.pid, 'SIGKILL');
  await until(() => !isAlive(worker.identity), 'the worker to be dead');
  fs.writeFileSync(gate, '');
  const dir = path.dirname(yard.attemptFile(ending, 'exit'));
  await until(() => judge(dir).kind === 'exited', 'the trainer to end');
  const orphan = marked(t, path.dirname(yard.attemptFile(over, 'exit')));
  const stranger = marked(t, path.join(yard.home, 'runs/aaaaaaaa/attempts/1'));
  const db = new Database(path.join(yard.home, 'registry.db'));
  db.prepare("INSERT INTO leases VALUES ('fake-1', ?, 1, '2026-01-01T00:00:00.000Z', NULL)").run(
    over,
  );
  db.close();

  await yard.up();
  assert.equal((await orphan).signal, 'SIGKILL');
  const recovery = await until(async () => {
    const found = (await yard.client.health()).recovery;
    return found?.processes_ended === 1 && told(yard).length === 2 ? found : null;
  }, 'the start to be told');
  assert.match(
    recovery.text,
    /^2 runs adopted, 1 ended meanwhile, (1 worker|2 workers) replaced, 1 orphan ended, 1 lease mended$/,
  );
  const line = told(yard).at(-1);
  assert.deepEqual([line?.msg, line?.adopted, line?.ended], [recovery.text, 2, 1]);
  const status = async (): Promise<string> => {
    const { stdout } = await execa(runyard, ['status'], {
      env: { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home },
    });
    return stdout;
  };
  // Another worker may be replaced between the two answers.
  const shown = await until(async () => {
    const { recovery: known } = await yard.client.health();
    const stdout = await status();
    return known !== null && stdout.includes(known.text) ? stdout : null;
  }, 'status to tell it too');
  assert.match(shown, /^kill_scope\t(every process|best effort)$/m);

  assert.equal((await yard.client.wait(ending)).exit_code, 4);
  assert.ok(fs.existsSync(`/proc/${stranger.pid}`));
  await until(
    async () => (await yard.client.health()).gpus_free === 2,
    'the lease to be given back',
  );
  for (const run of [first, second]) {
    assert.equal((await yard.client.get(run)).state, 'running.live');
    await yard.client.stop(run, { now: true });
    assert.equal((await yard.client.wait(run)).status, 'cancelled');
  }
});
