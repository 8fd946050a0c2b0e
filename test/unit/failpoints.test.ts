import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { daemonEnvironment, runEnvironment } from '../../src/cli/environment.ts';
import { arm, failpoints, recorderFailpoints } from '../../src/failpoints.ts';

const root = path.resolve(import.meta.dirname, '../..');
const module = path.join(root, 'src/failpoints.ts');

/** Names that the sources pass to `failpoint`, as often as they do. */
function namesIn(folder: string, pattern: RegExp): string[] {
  return fs
    .readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|go)$/.test(entry.name))
    .map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name), 'utf8'))
    .flatMap((code) => [...code.matchAll(pattern)].map(([, name = '']) => name))
    .sort();
}

test('each failpoint is one place in the sources', () => {
  assert.deepEqual(namesIn('src', /\bfailpoint\('([^']+)'\)/g), [...failpoints].sort());
  assert.deepEqual(
    namesIn('recorder', /\bfailpoint\("([^"]+)"\)/g),
    [...recorderFailpoints].sort(),
  );
});

/** Passes a failpoint three times in a process of its own. */
async function passThrice(env: Record<string, string>) {
  const code = `import { failpoint } from ${JSON.stringify(module)};
    for (let i = 0; i < 3; i++) { failpoint('sync.after'); console.log(i); }`;
  return execa(process.execPath, ['--input-type=module', '-e', code], { env, reject: false });
}

test('an armed failpoint ends one process by SIGKILL, after its hit was noted', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-failpoints-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  arm(dir, 'sync.after');
  const ends = await Promise.all([1, 2, 3].map(() => passThrice({ RUNYARD_FAILPOINTS: dir })));
  assert.deepEqual(ends.map(({ signal }) => signal ?? 'none').sort(), ['SIGKILL', 'none', 'none']);
  const hits = fs.readFileSync(path.join(dir, 'hits.jsonl'), 'utf8').trim().split('\n');
  assert.deepEqual(
    hits.map((line) => JSON.parse(line).name),
    ['sync.after'],
  );
});

test('nothing happens without the variable, nor at a place that is not armed', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-failpoints-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  arm(dir, 'commit.before');
  for (const env of [{ RUNYARD_FAILPOINTS: dir }, { RUNYARD_FAILPOINTS: '' }]) {
    assert.equal((await passThrice(env)).stdout, '0\n1\n2');
  }
  assert.deepEqual(fs.readdirSync(dir), ['commit.before']);
});

test('neither a daemon nor a run gets the variable from a shell', () => {
  const shell = { RUNYARD_FAILPOINTS: '/tmp/x', A: '1' };
  assert.deepEqual(daemonEnvironment(shell), { A: '1' });
  const how = { shell, cwd: '/', assignments: [], files: [], clean: false };
  assert.deepEqual(runEnvironment(how), { A: '1' });
});
