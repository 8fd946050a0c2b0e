/** A backup of a living yard, and what comes back from it: beside the original, in its place, refused. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { execa } from 'execa';
import type { MetricPoint } from '../../src/contracts/index.ts';
import { arm } from '../../src/failpoints.ts';
import { removeTree } from '../remove-tree.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
const env = { PATH: process.env.PATH ?? '' };

type Answer = { exitCode?: number; stdout: string; stderr: string };

async function cli(home: string, ...args: string[]): Promise<Answer> {
  const options = { env: { RUNYARD_HOME: home, XDG_CONFIG_HOME: home }, reject: false } as const;
  const { exitCode, stdout, stderr } = await execa(runyard, args, options);
  return { ...(exitCode === undefined ? {} : { exitCode }), stdout, stderr };
}

async function ok(home: string, ...args: string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout, stderr } = await cli(home, ...args, '--json');
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

function scratch(t: TestContext): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-backup-'));
  t.after(() => removeTree(dir));
  return dir;
}

async function submit(yard: Yard, command: string[], more: object = {}): Promise<string> {
  return (await yard.client.submit({ command, cwd: yard.home, ...more }, { env })).run_id;
}

async function inState(yard: Yard, run: string, state: string): Promise<void> {
  await until(async () => (await yard.client.get(run)).state === state, `${run} to be ${state}`);
}

/** Journals each start, and ends with a code when a file is there. */
function waiting(journal: string, gate: string, exitCode: number): string[] {
  const script = `echo start >> "$0"; echo loss=0.5; while [ ! -e "$1" ]; do sleep 0.05; done; exit ${exitCode}`;
  return ['sh', '-c', script, journal, gate];
}

async function logOf(yard: Yard, run: string): Promise<string> {
  let text = '';
  for await (const chunk of yard.client.logs(run)) text += JSON.stringify(chunk.lines ?? chunk);
  return text;
}

async function pointsOf(yard: Yard, run: string): Promise<MetricPoint[]> {
  const points: MetricPoint[] = [];
  for await (const batch of yard.client.metrics(run)) points.push(...batch.points);
  return points;
}

test('a backup of a yard whose runs go on comes back elsewhere: ends, events, output and points; nothing starts by itself, the original is not touched', async (t) => {
  const dir = scratch(t);
  await using yard = await startYard({ RUNYARD_PARALLEL: '3', RUNYARD_GPUS: 'fake:1' });
  const [journal, gate] = [path.join(dir, 'journal'), path.join(dir, 'gate')];
  const good = await submit(
    yard,
    ['sh', '-c', 'for i in 1 2 3; do echo "step=$i loss=0.$i"; done'],
    {
      artifacts: [],
    },
  );
  const bad = await submit(yard, ['sh', '-c', 'exit 3']);
  const ended = await Promise.all([good, bad].map((run) => yard.client.wait(run)));
  const live = await submit(yard, waiting(journal, gate, 5), { gpus: 1 });
  await inState(yard, live, 'running.live');
  const queued = await submit(yard, ['sh', '-c', `echo ran >> ${dir}/queued`], { gpus: 1 });

  // Others come and go while it is taken.
  let going = true;
  const busy = (async () => {
    const runs: string[] = [];
    while (going) runs.push(await submit(yard, ['true']));
    return runs;
  })();
  busy.catch(() => undefined);
  const backups = ['a', 'b.tgz'].map((name) => path.join(dir, name));
  for (const to of backups) {
    const taken = await ok(yard.home, 'backup', to);
    assert.ok(Number(taken.unfinished) >= 2, JSON.stringify(taken));
    assert.equal(fs.statSync(to).mode & 0o077, 0, 'a backup is its owner’s');
  }
  going = false;
  const passing = await busy;
  for (const run of passing) await yard.client.wait(run);
  await until(async () => (await pointsOf(yard, good)).length >= 3, 'the points to be counted');

  for (const [index, from] of backups.entries()) {
    const home = path.join(dir, `h${index}`);
    const restored = await ok(home, 'restore', from);
    assert.equal(restored.drained, true);
    await using copy = await startYard({ RUNYARD_PARALLEL: '3', RUNYARD_GPUS: 'fake:1' }, { home });
    for (const before of ended) {
      const now = await copy.client.get(before.run_id);
      assert.deepEqual([now.status, now.exit_code], [before.status, before.exit_code]);
      assert.deepEqual(await copy.events(before.run_id), await yard.events(before.run_id));
    }
    assert.equal(await logOf(copy, good), await logOf(yard, good));
    assert.deepEqual(await pointsOf(copy, good), await pointsOf(yard, good));
    const lost = await copy.client.wait(live);
    assert.equal(lost.failure_reason?.code, 'exit_unobserved', lost.why);
    assert.equal((await copy.client.get(queued)).state, 'queued');
    assert.match((await copy.client.health()).drained, /restored from the backup of/);
    assert.equal(
      fs.readFileSync(path.join(home, 'token'), 'utf8'),
      fs.readFileSync(path.join(yard.home, 'token'), 'utf8'),
    );
    for await (const run of copy.client.list()) await copy.client.stop(run.run_id, {});
  }
  assert.equal(fs.existsSync(path.join(dir, 'queued')), false, 'nothing starts by itself');
  assert.equal((await yard.client.get(live)).state, 'running.live');
  fs.writeFileSync(gate, '');
  assert.equal((await yard.client.wait(live)).exit_code, 5);
  assert.equal(fs.readFileSync(journal, 'utf8'), 'start\n');
});

test('put back in its own place, after the registry was lost, it finds the live run, which ends with its own code', async (t) => {
  const dir = scratch(t);
  await using yard = await startYard({ RUNYARD_PARALLEL: '2' });
  const [journal, gate] = [path.join(dir, 'journal'), path.join(dir, 'gate')];
  const live = await submit(yard, waiting(journal, gate, 7));
  await inState(yard, live, 'running.live');
  const from = path.join(dir, 'backup');
  await ok(yard.home, 'backup', from);
  const later = await submit(yard, ['true']);
  await yard.client.wait(later);
  await yard.crash();
  assert.match((await cli(yard.home, 'restore', from)).stderr, /holds a registry or runs.*--over/s);
  const restored = await ok(yard.home, 'restore', from, '--over');
  assert.equal(restored.unknown, 1);
  assert.ok(fs.existsSync(String(restored.set_aside)), 'the old registry is kept');
  await yard.up();
  assert.equal((await yard.client.get(live)).state, 'running.live');
  fs.writeFileSync(gate, '');
  const done = await yard.client.wait(live);
  assert.deepEqual([done.status, done.exit_code], ['failed', 7], done.why);
  assert.equal(fs.readFileSync(journal, 'utf8'), 'start\n');
});

for (const point of ['lease.taken', 'launch.synced'] as const) {
  test(`a run that was about to start (${point}) when the backup was taken starts once, after a person said so`, async (t) => {
    const dir = scratch(t);
    const failpoints = path.join(dir, 'points');
    fs.mkdirSync(failpoints);
    const home = path.join(dir, 'copy');
    const from = path.join(dir, 'backup.tgz');
    const journal = path.join(dir, 'journal');
    let run = '';
    {
      await using yard = await startYard({
        RUNYARD_GPUS: 'fake:1',
        RUNYARD_FAILPOINTS: failpoints,
      });
      const command = ['sh', '-c', `echo start >> ${journal}`];
      run = await submit(yard, command, { gpus: 1, cwd: dir, hold: true });
      arm(failpoints, point);
      const pid = yard.daemonPid();
      // It may die before it answers.
      await yard.client.release(run).catch(() => undefined);
      await until(() => !fs.existsSync(`/proc/${pid}`), 'the daemon to die');
      // The worker may have begun meanwhile: the copy of what it does is its own.
      await ok(yard.home, 'backup', from);
      await ok(home, 'restore', from);
      await yard.up();
      await yard.client.wait(run);
    }
    fs.rmSync(journal, { force: true });
    await using copy = await startYard({ RUNYARD_GPUS: 'fake:1' }, { home });
    const before = await until(async () => {
      const found = await copy.client.get(run);
      return ['allocating', 'running', 'stopping'].includes(found.status) ? null : found;
    }, 'the run to wait or to be over');
    assert.equal(fs.existsSync(journal), false);
    if (before.status !== 'queued') return;
    await copy.client.setDrain({ target: 'yard', on: false });
    assert.equal((await copy.client.wait(run)).status, 'completed');
    assert.equal(fs.readFileSync(journal, 'utf8'), 'start\n');
  });
}

test('what cannot be put back is refused, and says why', async (t) => {
  const dir = scratch(t);
  const from = path.join(dir, 'backup');
  {
    await using yard = await startYard();
    await yard.client.wait(await submit(yard, ['true']));
    await ok(yard.home, 'backup', from);
    assert.match((await cli(yard.home, 'backup', from)).stderr, /is there already/);
    assert.match((await cli(yard.home, 'backup', `${yard.home}/b`)).stderr, /another place/);
    const living = await cli(yard.home, 'restore', from, '--over');
    assert.equal(living.exitCode, 1);
    assert.match(living.stderr, /a daemon runs for .*runyard down --keep-bus/);
  }
  const home = path.join(dir, 'h');
  const refusal = async (): Promise<string> => (await cli(home, 'restore', from)).stderr;
  const manifest = path.join(from, 'backup.json');
  const kept = fs.readFileSync(manifest, 'utf8');
  const registry = path.join(from, 'registry.db');
  const change = (act: (db: Database.Database) => void): void => {
    const db = new Database(registry);
    act(db);
    db.close();
  };
  change((db) => db.pragma('user_version = 4711'));
  assert.match(await refusal(), /is not the one that was backed up/);
  const digest = (await import('node:crypto')).hash('sha256', fs.readFileSync(registry));
  fs.writeFileSync(manifest, JSON.stringify({ ...JSON.parse(kept), registry_sha256: digest }));
  assert.match(await refusal(), /of schema 4711, this version knows \d+: upgrade Runyard/);
  fs.writeFileSync(manifest, JSON.stringify({ ...JSON.parse(kept), v: 2 }));
  assert.match(await refusal(), /of format 2/);
  fs.rmSync(manifest);
  assert.match(await refusal(), /is no whole backup/);
  assert.match((await cli(home, 'restore', path.join(dir, 'none'))).stderr, /there is no backup/);
  assert.equal(fs.existsSync(path.join(home, 'registry.db')), false, 'nothing was put there');
});
