import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { removeTree } from '../remove-tree.ts';
import { until } from './yard.ts';

const root = path.join(import.meta.dirname, '../..');
/** The first time it installs a Python environment. */
const limitMs = 600_000;

/** A demo without a terminal, in a place of its own for temporary homes, its processes marked. */
function demo(t: TestContext) {
  const temp = fs.mkdtempSync(path.join(os.tmpdir(), 'demo-'));
  t.after(() => removeTree(temp));
  const value = path.basename(temp);
  const start = () => {
    const child = execa(process.execPath, ['demo/demo.ts'], {
      cwd: root,
      env: { TMPDIR: temp, RUNYARD_DEMO_TEST: value },
      all: true,
      reject: false,
      stdin: 'ignore',
      timeout: limitMs,
      forceKillAfterDelay: 10_000,
    });
    let said = '';
    child.all.on('data', (data) => {
      said += data;
    });
    const says = (what: RegExp) => until(() => what.test(said), `${what} in: ${said}`, limitMs);
    return { child, says };
  };
  const homes = (): string[] =>
    fs.readdirSync(temp).filter((entry) => entry.startsWith('runyard-demo-'));
  const nothingLeft = async (): Promise<void> => {
    assert.deepEqual(homes(), []);
    await until(() => marked(`RUNYARD_DEMO_TEST=${value}`).length === 0, 'processes to end');
  };
  return { start, homes, nothingLeft };
}

test('without a terminal the demo learns, tells its end, and takes everything down', {
  timeout: limitMs,
}, async (t) => {
  const { start, nothingLeft } = demo(t);
  const { exitCode, all } = await start().child;
  assert.equal(exitCode, 0, all);
  const final = /^final return: ([\d.]+) \(mean of the last 20 episodes\)$/m.exec(all)?.[1];
  assert.ok(Number(final) > 60, all);
  assert.match(all, /^run [a-z2-7]{8}: completed$/m);
  assert.match(all, /100 % {2}step 20,000/);
  assert.match(all, /events\.out\.tfevents\.\S+ {2}\d+ KiB/);
  await nothingLeft();
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} in the middle of the demo leaves nothing that it started`, {
    timeout: limitMs,
  }, async (t) => {
    const { start, nothingLeft } = demo(t);
    const { child, says } = start();
    await says(/● running\.live/);
    child.kill(signal);
    const { exitCode, all } = await child;
    assert.equal(exitCode, 130, all);
    await nothingLeft();
  });
}

test('a demo killed with -9 said how to end it, and the next one does', {
  timeout: limitMs,
}, async (t) => {
  const { start, homes, nothingLeft } = demo(t);
  const first = start();
  await first.says(/● running\.live/);
  first.child.kill('SIGKILL');
  const { all } = await first.child;
  const [home = ''] = homes();
  assert.match(all, new RegExp(`RUNYARD_HOME=\\S*${home} bin/runyard down --stop-runs`));
  const second = start();
  await second.says(/An earlier demo was killed/);
  await second.says(/● running\.live/);
  assert.equal(homes().includes(home), false);
  second.child.kill('SIGTERM');
  await second.child;
  await nothingLeft();
});

/** Pids of processes that inherited the mark. */
function marked(mark: string): string[] {
  return fs
    .readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        const words = fs.readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
        return words.includes(mark);
      } catch {
        return false;
      }
    });
}
