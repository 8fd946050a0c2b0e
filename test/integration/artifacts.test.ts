/** Artifacts of real runs: while they go on, at their end, on a full disk, and whatever dies meanwhile. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Manifest, readManifest } from '../../src/artifacts/index.ts';
import { arm, type Failpoint } from '../../src/failpoints.ts';
import { mountSmallDisk } from './small-disk.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const fixtures = path.resolve(import.meta.dirname, '../fixtures/artifacts');

function workplace(t: TestContext): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-exp-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

function storeOf(yard: Yard, run: string): string {
  return path.join(yard.home, 'artifacts', run, '1');
}

/** What is listed, each checked against what lies there. */
function listed(store: string, manifest: Manifest | null = readManifest(store)): string[] {
  return (manifest?.artifacts ?? []).map((artifact) => {
    const data = fs.readFileSync(path.join(store, artifact.path));
    assert.equal(crypto.createHash('sha256').update(data).digest('hex'), artifact.sha256);
    assert.equal(data.length, artifact.size);
    return `${artifact.name} ${artifact.version}`;
  });
}

test('A4: a video is in the store while its run goes on, once it is finished and not before', async (t) => {
  await using yard = await startYard();
  const cwd = workplace(t);
  const video = path.join(fixtures, 'header-last.mp4');
  // The second one is held open as an encoder holds it.
  const script = `mkdir videos && cp "$0" videos/rl-video-step-8.mp4
    told() { until [ -e go.$1 ]; do sleep 0.02; done; }
    exec 5> videos/open.mp4; cat "$0" >&5; echo up; told 1; exec 5>&-; told 2; echo weights > model.pt; exit 0`;
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', script, video], cwd, artifacts: ['videos/*.mp4', '*.pt'] },
    { env },
  );
  const store = storeOf(yard, run);
  const first = await until(() => readManifest(store), 'the first video');
  assert.deepEqual(listed(store, first), ['videos/rl-video-step-8.mp4 1']);
  assert.equal(first.complete, false);
  const [artifact] = first.artifacts;
  assert.deepEqual(artifact?.video, { duration_s: 2, width: 64, height: 48 });
  assert.deepEqual([artifact?.step, artifact?.media_type], [8, 'video/mp4']);
  assert.equal((await yard.client.get(run)).status, 'running');

  fs.writeFileSync(path.join(cwd, 'go.1'), '');
  await until(() => listed(store).length === 2, 'the second video');
  fs.writeFileSync(path.join(cwd, 'go.2'), '');
  const done = await yard.client.wait(run);
  assert.equal(done.artifact_manifest, path.join(store, 'manifest.json'));
  const all = ['model.pt 1', 'videos/open.mp4 1', 'videos/rl-video-step-8.mp4 1'];
  assert.deepEqual(listed(store), all);
  assert.equal(readManifest(store)?.complete, true);
  assert.ok(fs.existsSync(path.join(cwd, 'model.pt')), 'what was copied stays where it was');
});

test('a worker that is killed at any step of taking leaves the old or the new', async (t) => {
  const failpoints = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-points-'));
  t.after(() => fs.rmSync(failpoints, { recursive: true }));
  await using yard = await startYard({ RUNYARD_FAILPOINTS: failpoints });
  const points: Failpoint[] = [
    'artifact.copied',
    'artifact.placed',
    'worker.taking',
    'artifact.listed',
    'worker.collected',
  ];
  for (const point of points) {
    for (const move of [false, true]) {
      const cwd = workplace(t);
      arm(failpoints, point);
      const script = 'echo one > a.pt; echo two > b.pt; exit 3';
      const { run_id: run } = await yard.client.submit(
        { command: ['sh', '-c', script], cwd, artifacts: ['*.pt'], artifacts_move: move },
        { env },
      );
      const done = await yard.client.wait(run);
      assert.deepEqual([done.status, done.exit_code], ['failed', 3], point);
      const store = storeOf(yard, run);
      assert.deepEqual(listed(store), ['a.pt 1', 'b.pt 1'], point);
      assert.equal(fs.existsSync(path.join(failpoints, point)), false, `${point} was passed`);
      assert.deepEqual(fs.readdirSync(cwd).sort(), move ? [] : ['a.pt', 'b.pt'], point);
      const files = fs.readdirSync(store, { recursive: true, withFileTypes: true });
      const names = files.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
      assert.deepEqual(names.sort(), ['a.pt', 'b.pt', 'manifest.json'], 'and nothing else');
    }
  }
});

test('F10: on a full disk the run ends as it ended, and what is missing is told', async (t) => {
  await using disk = await mountSmallDisk(t, 96);
  if (disk === null) return;
  const home = path.join(disk.dir, 'home');
  fs.mkdirSync(home);
  await using yard = await startYard(
    {},
    { home, settings: { disk_floor_mib: 12, bus_limit_mib: 32 } },
  );
  const cwd = workplace(t);
  const script = `echo small > small.txt; mkfifo go; read x < go
    head -c 3000000 /dev/zero > big.bin; exit 7`;
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', script], cwd, artifacts: ['*.txt', '*.bin'] },
    { env },
  );
  const store = storeOf(yard, run);
  // Another one has nothing yet when the disk is full.
  const late = workplace(t);
  const config = { command: ['sh', '-c', script], cwd: late, artifacts: ['*.bin'] };
  const { run_id: other } = await yard.client.submit(config, { env });
  await until(() => listed(store).length === 1, 'the first one, while there is space');
  const room = path.join(storeOf(yard, other), 'manifest.spare');
  await until(() => fs.existsSync(room), 'room for the manifest of the other one');
  disk.fill();
  fs.writeFileSync(path.join(cwd, 'go'), 'x\n');
  const done = await yard.client.wait(run);
  assert.deepEqual([done.status, done.exit_code], ['failed', 7]);
  const manifest = readManifest(store);
  assert.deepEqual(listed(store, manifest), ['small.txt 1']);
  const problem = 'there is not enough space on the disk';
  assert.deepEqual(manifest?.missing, [{ name: 'big.bin', problem }]);
  assert.equal(manifest?.complete, true);
  const events = await yard.events(run);
  const collected = events.find(({ event }) => event === 'output.collected');
  const { problem: told } = JSON.parse(collected?.detail_json ?? '{}');
  assert.equal(told, `1 of 2 artifacts could not be taken: big.bin: ${problem}`);
  fs.writeFileSync(path.join(late, 'go'), 'x\n');
  assert.equal((await yard.client.wait(other)).exit_code, 7);
  assert.deepEqual(readManifest(storeOf(yard, other))?.missing, [{ name: 'big.bin', problem }]);
  disk.clear();
});
