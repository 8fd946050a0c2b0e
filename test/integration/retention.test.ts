/** Pins and retention, by the client and the command line, and whatever dies meanwhile. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import type { Removal } from '../../src/contracts/index.ts';
import { arm, type Failpoint } from '../../src/failpoints.ts';
import { onTerminal } from '../fixtures/pty.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const bin = path.resolve(import.meta.dirname, '../../src/cli/main.ts');

function workplace(t: TestContext): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-exp-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

/** A run that is over and has an artifact of so many bytes. */
async function kept(yard: Yard, cwd: string, name: string, bytes: number): Promise<string> {
  const script = `head -c ${bytes} /dev/zero > ${name}.bin`;
  const config = {
    command: ['sh', '-c', script],
    cwd,
    name,
    project: 'p',
    artifacts: [`${name}.bin`],
  };
  const { run_id: run } = await yard.client.submit(config, { env });
  await yard.client.wait(run);
  return run;
}

async function removals(yard: Yard, request: object): Promise<Removal[]> {
  const all: Removal[] = [];
  for await (const removal of yard.client.collectGarbage(request)) all.push(removal);
  return all;
}

async function names(yard: Yard, run: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, path: at } of yard.client.artifacts(run)) {
    assert.ok(fs.existsSync(at));
    found.push(name);
  }
  return found;
}

async function runyard(yard: Yard, ...args: string[]) {
  const home = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home };
  return execa(process.execPath, [bin, ...args], { env: home, reject: false });
}

test('A4: retention removes the oldest, keeps what is pinned, and a dry run changes nothing', async (t) => {
  await using yard = await startYard();
  const cwd = workplace(t);
  const a = await kept(yard, cwd, 'a', 1000);
  const b = await kept(yard, cwd, 'b', 2000);
  const c = await kept(yard, cwd, 'c', 3000);
  assert.notEqual((await yard.client.pin(a, true)).pinned_at, '');

  const dry = await runyard(yard, 'gc', '--dry-run', '--max-size', '4000');
  assert.match(dry.stdout, new RegExp(`^${b}\tb\tp\t\\S+\t2000\tsize$`));
  assert.equal(dry.stderr, '1 run, 2.0 KiB would be removed');
  assert.deepEqual(await names(yard, b), ['b.bin']);

  const done = await runyard(yard, 'gc', '--max-size', '4000', '--json');
  assert.deepEqual(JSON.parse(done.stdout).removed, true);
  assert.deepEqual(await names(yard, b), []);
  assert.equal((await yard.client.get(b)).artifact_manifest, '');
  assert.deepEqual(await names(yard, a), ['a.bin']);
  assert.deepEqual(await names(yard, c), ['c.bin']);
  assert.deepEqual(await removals(yard, { max_age_s: 0.001, project: 'other' }), []);

  // A pin outlives the registry, and the run itself may ask for anything else.
  await yard.crash();
  fs.rmSync(path.join(yard.home, 'registry.db'));
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  const [gone] = await removals(yard, { max_age_s: 0.001 });
  assert.deepEqual([gone?.run_id, gone?.removed], [c, true]);
  assert.deepEqual(await names(yard, a), ['a.bin']);

  const unpinned = await runyard(yard, 'unpin', a);
  assert.equal(unpinned.stdout, `${a}\t`);
  assert.deepEqual((await removals(yard, { max_runs: 1 })).length, 0);
  assert.deepEqual(
    (await removals(yard, { max_age_s: 0.001 })).map(({ run_id }) => run_id),
    [a],
  );
});

test('runyard artifacts lists what is kept with its path, and JSON has the rest', async (t) => {
  await using yard = await startYard();
  const cwd = workplace(t);
  const script = 'echo 12345 > model-step-40.txt; ln -s /etc/hostname out.txt; mkdir ..x';
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', script], cwd, artifacts: ['*.txt', '../*.none'] },
    { env },
  );
  await yard.client.wait(run);
  const plain = await runyard(yard, 'artifacts', run);
  const [name, size, sha, at] = plain.stdout.split('\t');
  assert.deepEqual([name, size, sha?.length], ['model-step-40.txt', '6', 64]);
  assert.equal(fs.readFileSync(at ?? '', 'utf8'), '12345\n');
  const json = JSON.parse((await runyard(yard, 'artifacts', run, '--json')).stdout);
  assert.deepEqual([json.step, json.version, json.attempt], ['40', 1, 1]);
  assert.equal((await runyard(yard, 'artifacts', 'nosuch')).exitCode, 1);
});

test('on a terminal gc shows what is to go and asks; a no leaves all, a yes takes just that', async (t) => {
  await using yard = await startYard();
  const cwd = workplace(t);
  const run = await kept(yard, cwd, 'model', 1000);
  const own = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home };
  for (const [answer, left] of [
    ['n\n', ['model.bin']],
    ['y\n', []],
  ] as const) {
    const seat = onTerminal([process.execPath, bin, 'gc', '--older-than', '0'], own);
    await seat.sees(/Remove the artifacts of 1 run, 1000 B\?/);
    seat.type(answer);
    assert.equal(await seat.ended, 0);
    assert.match(seat.seen(), new RegExp(`${run} +model +p +\\S+ +1000 B +age`));
    assert.deepEqual(await names(yard, run), left);
  }
});

test('a daemon that is killed at any step of a removal leaves all or nothing', async (t) => {
  const failpoints = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-points-'));
  t.after(() => fs.rmSync(failpoints, { recursive: true }));
  await using yard = await startYard({ RUNYARD_FAILPOINTS: failpoints });
  const cwd = workplace(t);
  const points: Failpoint[] = ['gc.discarded', 'gc.forgotten', 'gc.removed'];
  for (const point of points) {
    const run = await kept(yard, cwd, point, 1000);
    arm(failpoints, point);
    await removals(yard, { max_age_s: 0.001 }).catch(() => undefined);
    await until(() => !fs.existsSync(`/proc/${yard.daemonPid()}`), 'the daemon to die');
    await yard.up();
    const aside = path.join(yard.home, 'artifacts/.removed', run);
    await until(() => !fs.existsSync(aside), 'the next daemon to end what was begun');
    const { artifact_manifest: manifest } = await until(async () => {
      const found = await yard.client.get(run);
      return found.artifact_manifest === '' ? found : null;
    }, 'the run to say so');
    assert.equal(manifest, '', point);
    assert.equal(fs.existsSync(path.join(yard.home, 'artifacts', run)), false);
    assert.deepEqual(await names(yard, run), []);
  }
  const run = await kept(yard, cwd, 'last', 1000);
  arm(failpoints, 'pin.marked');
  await yard.client.pin(run, true).catch(() => undefined);
  await until(() => !fs.existsSync(`/proc/${yard.daemonPid()}`), 'the daemon to die');
  await yard.up();
  assert.notEqual((await yard.client.pin(run, true)).pinned_at, '');
});

test('with limits in the settings the daemon keeps to them by itself', async (t) => {
  const settings = { artifacts_max_runs: 1 };
  await using yard = await startYard({}, { settings });
  const cwd = workplace(t);
  const first = await kept(yard, cwd, 'first', 1000);
  const second = await kept(yard, cwd, 'second', 1000);
  await yard.crash();
  await yard.up();
  await until(
    async () => (await Array.fromAsync(yard.client.artifacts(first))).length === 0,
    'the older one to go',
  );
  assert.deepEqual(await names(yard, second), ['second.bin']);
});
