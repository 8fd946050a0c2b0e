/** What the local executor decides by an attempt's directory alone. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { createLocalExecutor, type Executor } from '../../src/executors/index.ts';
import { attemptDir, readStart } from '../../src/rundir/index.ts';
import { createLogger } from '../../src/telemetry/index.ts';
import { removeTree } from '../remove-tree.ts';

test('an attempt that a worker had, and whose directory is gone, is lost and not void: it may be running', (t) => {
  const { root, executor } = begin(t, 1);
  assert.throws(() => executor.voidUnlaunched('k3f9a2mx', 1), { code: 'rundir_lost' });
  assert.equal(fs.existsSync(attemptDir(root, 'k3f9a2mx', 1)), false);
});

test('an attempt that no worker ever had is void from then on', (t) => {
  const { root, executor } = begin(t, 0);
  assert.equal(executor.voidUnlaunched('k3f9a2mx', 1), true);
  assert.equal(readStart(attemptDir(root, 'k3f9a2mx', 1))?.voided, true);
});

/** An executor in a directory of its own; the registry knows of so many workers of each attempt. */
function begin(t: TestContext, generation: number): { root: string; executor: Executor } {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-executor-'));
  const executor = createLocalExecutor(
    {
      home: { root, artifacts: path.join(root, 'artifacts') },
      yard: 'test',
      command: [],
      recorder: 'recorder',
      bus: { addressFile: '', credentialsFile: '', url: null },
      warm: 0,
      most: 1,
      cgroup: 'none',
      synced: async () => undefined,
      socketPath: (wanted) => wanted,
      log: createLogger('test', { level: 'silent' }),
    },
    {
      onFact: () => true,
      onBeat: () => undefined,
      generation: () => generation,
      nextGeneration: () => generation + 1,
    },
  );
  t.after(async () => {
    await executor.close();
    removeTree(root);
  });
  return { root, executor };
}
