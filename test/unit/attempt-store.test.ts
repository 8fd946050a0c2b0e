import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { type Manifest, openAttemptStore, type StoreOptions } from '../../src/artifacts/index.ts';
import { refusedName, stepOf } from '../../src/artifacts/names.ts';

/** A run's directory with a store, a clock of the test's own, and files that count as held. */
function yard(t: TestContext, more: Partial<StoreOptions> = {}) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-store-'));
  t.after(() => fs.rmSync(root, { recursive: true }));
  const cwd = path.join(root, 'exp');
  fs.mkdirSync(cwd);
  const options: StoreOptions = {
    cwd,
    globs: ['**'],
    sinceMs: 0,
    store: path.join(root, 'artifacts/run/1'),
    settleMs: 2000,
    ...more,
  };
  let monotonicMs = 0;
  const held = new Set<string>();
  const open = () =>
    openAttemptStore({ ...options, monotonicMs: () => monotonicMs, held: () => held });
  return {
    cwd,
    store: options.store,
    open,
    held,
    pass(ms: number) {
      monotonicMs += ms;
    },
    write(name: string, text: string): string {
      const file = path.join(cwd, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
      return file;
    },
    /** What is listed, with what lies there, and everything that lies there. */
    seen() {
      const file = path.join(options.store, 'manifest.json');
      const manifest = JSON.parse(fs.readFileSync(file, 'utf8')) as Manifest;
      const listed = manifest.artifacts.map(({ name, path: at, version }) => [
        name,
        fs.readFileSync(path.join(options.store, at), 'utf8'),
        version,
      ]);
      return { manifest, listed };
    },
    files: () =>
      fs
        .readdirSync(options.store, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => path.relative(options.store, path.join(entry.parentPath, entry.name)))
        .sort(),
  };
}

test('while it goes on a file is taken once it was left alone and nobody holds it open', async (t) => {
  const { open, pass, held, write, seen } = yard(t);
  const store = open();
  const file = write('videos/a.mp4', 'half');
  assert.equal(await store.scan({ final: false }), false);
  pass(1999);
  fs.writeFileSync(file, 'half and more');
  assert.equal(await store.scan({ final: false }), false, 'it was just written to');
  pass(2000);
  const { dev, ino } = fs.statSync(file);
  held.add(`${dev}:${ino}`);
  assert.equal(await store.scan({ final: false }), false, 'somebody holds it open');
  held.clear();
  assert.equal(await store.scan({ final: false }), true);
  const { manifest, listed } = seen();
  assert.deepEqual(listed, [['videos/a.mp4', 'half and more', 1]]);
  assert.equal(manifest.complete, false);
  const [artifact] = manifest.artifacts;
  assert.equal(artifact?.media_type, 'video/mp4');
  assert.match(artifact?.note ?? '', /did not finish it/);
  assert.equal(artifact?.size, 13);
  assert.equal(await store.scan({ final: false }), false, 'once is enough');
});

test('a file that is written anew replaces what was taken, as a new version', async (t) => {
  const { open, pass, write, seen, files } = yard(t);
  const store = open();
  write('model.pt', 'first');
  await store.scan({ final: false });
  pass(2000);
  await store.scan({ final: false });
  write('model.pt', 'second');
  // As torch and others do it: another file, moved into its place.
  fs.renameSync(write('model.tmp', 'third'), write('model.pt', ''));
  await store.scan({ final: true });
  assert.deepEqual(seen().listed, [['model.pt', 'third', 2]]);
  assert.equal(seen().manifest.complete, true);
  assert.deepEqual(files(), ['manifest.json', 'v2/model.pt']);
});

test('a directory where a file of that name was is taken beside it', async (t) => {
  const { open, pass, write, cwd, seen } = yard(t);
  const store = open();
  write('out', 'a file');
  await store.scan({ final: false });
  pass(2000);
  await store.scan({ final: false });
  fs.rmSync(path.join(cwd, 'out'));
  write('out/x', 'below');
  await store.scan({ final: true });
  assert.deepEqual(seen().listed, [
    ['out', 'a file', 1],
    ['out/x', 'below', 1],
  ]);
});

test('names cannot leave the store: links, dots and absolute paths are not followed', async (t) => {
  const { open, write, cwd, seen, files } = yard(t, {
    globs: ['**', '../*', '/etc/hostname', 'up/*', 'a\nb'],
  });
  const outside = path.join(path.dirname(cwd), 'secret.txt');
  fs.writeFileSync(outside, 'not yours');
  fs.symlinkSync(outside, path.join(cwd, 'link.txt'));
  fs.symlinkSync(path.dirname(cwd), path.join(cwd, 'up'));
  write('good.txt', 'good');
  write('a\nb', 'odd');
  write('manifest.json', 'not the manifest');
  await open().scan({ final: true });
  const { manifest, listed } = seen();
  assert.deepEqual(listed, [
    ['good.txt', 'good', 1],
    ['manifest.json', 'not the manifest', 1],
  ]);
  const problems = Object.fromEntries(manifest.missing.map(({ name, problem }) => [name, problem]));
  assert.equal(problems['../secret.txt'], 'it is not below the working directory');
  assert.equal(problems['up/secret.txt'], 'it is not below the working directory');
  assert.match(problems['a\nb'] ?? '', /control characters/);
  assert.deepEqual(files(), ['manifest.json', 'v1/good.txt', 'v1/manifest.json']);
});

test('a pipe is not waited for, and what is older than the attempt is none of its work', async (t) => {
  const { open, write, seen, cwd } = yard(t, { sinceMs: Date.now() - 60_000 });
  const old = write('old.txt', 'old');
  fs.utimesSync(old, 1, 1);
  write('new.txt', 'new');
  await execa('mkfifo', [path.join(cwd, 'pipe')]);
  await open().scan({ final: true });
  assert.deepEqual(seen().listed, [['new.txt', 'new', 1]]);
});

test('moved files are gone from the directory only once they are listed', async (t) => {
  const { open, write, cwd, seen } = yard(t, { move: true });
  const file = write('model.pt', 'weights');
  const { ino } = fs.statSync(file);
  const store = open();
  await store.scan({ final: true });
  const [artifact] = seen().manifest.artifacts;
  assert.deepEqual(seen().listed, [['model.pt', 'weights', 1]]);
  assert.deepEqual(fs.readdirSync(cwd), []);
  const kept = path.join(path.dirname(cwd), 'artifacts/run/1', artifact?.path ?? '');
  assert.equal(fs.statSync(kept).ino, ino, 'it was not copied');
});

test('moved files of another file system are copied, listed, and then removed', async (t) => {
  const elsewhere = '/dev/shm';
  if (fs.statSync(elsewhere).dev === fs.statSync(os.tmpdir()).dev) return t.skip('it is the same');
  const far = fs.mkdtempSync(path.join(elsewhere, 'runyard-exp-'));
  t.after(() => fs.rmSync(far, { recursive: true }));
  fs.writeFileSync(path.join(far, 'model.pt'), 'weights');
  const { open, seen } = yard(t, { cwd: far, move: true });
  await open().scan({ final: true });
  assert.deepEqual(seen().listed, [['model.pt', 'weights', 1]]);
  assert.deepEqual(fs.readdirSync(far), []);
});

test('what a crash left unlisted is removed by the next one, and what was listed stays', async (t) => {
  const { open, write, store, files, seen } = yard(t);
  write('a.txt', 'a');
  await open().scan({ final: true });
  fs.mkdirSync(path.join(store, 'drafts'), { recursive: true });
  fs.writeFileSync(path.join(store, 'drafts/0123'), 'half');
  fs.mkdirSync(path.join(store, 'v7'));
  fs.writeFileSync(path.join(store, 'v7/a.txt'), 'never listed');
  assert.equal(await open().scan({ final: true }), false, 'it is complete');
  assert.deepEqual(files(), ['manifest.json', 'v1/a.txt']);
  assert.deepEqual(seen().listed, [['a.txt', 'a', 1]]);
});

test('a copy that would leave too little space is not made, and told', async (t) => {
  const { open, write, seen } = yard(t, { floorBytes: Number.MAX_SAFE_INTEGER });
  write('big.bin', 'x');
  await open().scan({ final: true });
  const { manifest } = seen();
  // Where blocks can be shared nothing is needed.
  if (manifest.artifacts.length === 0)
    assert.deepEqual(manifest.problems, ['big.bin: there is not enough space on the disk']);
});

test('a manifest of the version before is read, and counts as complete', async (t) => {
  const { open, store, write } = yard(t);
  write('late.txt', 'late');
  fs.mkdirSync(store, { recursive: true });
  fs.writeFileSync(path.join(store, 'a.txt'), 'a');
  const old = { v: 1, artifacts: [{ name: 'a.txt', size: 1, sha256: '' }], problems: [] };
  fs.writeFileSync(path.join(store, 'manifest.json'), JSON.stringify(old));
  const opened = open();
  assert.equal(await opened.scan({ final: true }), false);
  assert.equal(opened.manifest().artifacts[0]?.path, 'a.txt');
  assert.equal(fs.readFileSync(path.join(store, 'a.txt'), 'utf8'), 'a');
});

test('a name tells its step, if it does', () => {
  const expected: [string, number | null][] = [
    ['checkpoints/checkpoint_4000.pt', 4000],
    ['runs/x/global_step=12/model-step-9.pt', 9],
    ['ckpt-100.zip', 100],
    ['rl-video-episode-8.mp4', null],
    ['rl-video-step-1000.mp4', 1000],
    ['iter12.bin', 12],
    ['footsteps7.txt', null],
    ['model.pt', null],
  ];
  for (const [name, step] of expected) assert.equal(stepOf(name), step, name);
});

test('refused names say why', () => {
  for (const name of [
    '../x',
    'a/../../x',
    '/x',
    '',
    '.',
    'a/',
    'a//b',
    'x\ufffd',
    'x'.repeat(2000),
  ])
    assert.notEqual(refusedName(name), null, JSON.stringify(name));
  for (const name of ['x', 'a/b c', '...', 'a/..b', '-rf', 'é.txt', '$(x)'])
    assert.equal(refusedName(name), null, name);
});
