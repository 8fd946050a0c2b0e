import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';

const root = path.join(import.meta.dirname, '../..');
/** The first time it installs a Python environment. */
const limitMs = 600_000;

test('without a terminal the demo learns, tells its end, and takes everything down', {
  timeout: limitMs,
}, async (t) => {
  // What it leaves would be seen here.
  const temp = fs.mkdtempSync(path.join(os.tmpdir(), 'demo-'));
  t.after(() => fs.rmSync(temp, { recursive: true, force: true }));
  const mark = `RUNYARD_DEMO_TEST=${path.basename(temp)}`;
  const [name = '', value = ''] = mark.split('=');

  const { exitCode, all } = await execa(process.execPath, ['demo/demo.ts'], {
    cwd: root,
    env: { TMPDIR: temp, [name]: value },
    all: true,
    reject: false,
    stdin: 'ignore',
    timeout: limitMs,
    forceKillAfterDelay: 10_000,
  });

  assert.equal(exitCode, 0, all);
  const final = /^final return: ([\d.]+) \(mean of the last 20 episodes\)$/m.exec(all)?.[1];
  assert.ok(Number(final) > 60, all);
  assert.match(all, /^run [a-z2-7]{8}: completed$/m);
  assert.match(all, /events\.out\.tfevents\.\S+ {2}\d+ KiB/);
  assert.deepEqual(
    fs.readdirSync(temp).filter((entry) => entry.startsWith('runyard-demo-')),
    [],
  );
  const deadline = Date.now() + 5000;
  while (marked(mark).length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(marked(mark), []);
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
