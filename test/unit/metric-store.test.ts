/** What the registry keeps of metrics, and what the disk may take later. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { passes } from '../../src/daemon/telemetry/intake.ts';
import { RunyardError } from '../../src/errors.ts';
import { createMetricStore, type Db, openDatabase } from '../../src/persistence/index.ts';
import { removeTree } from '../remove-tree.ts';

test('what comes late of a run that was removed meanwhile is not kept', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-metrics-'));
  const db = openDatabase(path.join(dir, 'registry.db'));
  t.after(() => {
    db.close();
    removeTree(dir);
  });
  const store = createMetricStore(db);
  const save = (): void =>
    store.save(
      [{ run_id: 'k3f9a2mx', attempt: 1, upto: 7, ended: 1 }],
      [
        {
          ...{ run_id: 'k3f9a2mx', attempt: 1, key: 'loss', source: 'stdout', seq: 7, step: '6' },
          ...{ wall: '2026-01-01T00:00:00.000Z', count: 7, last: 0.5, min: 0.25, max: null },
        },
      ],
      { metrics: { made: 'a', seq: 3 } },
    );
  save();
  assert.deepEqual(store.keys('k3f9a2mx', 1), []);
  assert.equal(store.count('k3f9a2mx', 1), undefined);
  assert.deepEqual(store.position(), { metrics: { made: 'a', seq: 3 } });
  addRun(db, 'k3f9a2mx');
  save();
  assert.equal(store.keys('k3f9a2mx', 1)[0]?.last, 0.5);
  assert.equal(store.count('k3f9a2mx', 1)?.upto, 7);
});

test('a full disk passes, also where only the cause of an error tells of it', () => {
  const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  assert.equal(passes(full), true);
  assert.equal(passes(new RunyardError('disk_full', 'cannot be written', { cause: full })), true);
  assert.equal(passes(new SyntaxError('no JSON')), false);
  const gone = Object.assign(new Error('no such file'), { code: 'ENOENT' });
  assert.equal(passes(new RunyardError('home_unusable', 'not there', { cause: gone })), false);
});

/** A row of which nothing but the id is of interest. */
function addRun(db: Db, runId: string): void {
  const columns = db.pragma('table_info(runs)') as { name: string; type: string }[];
  const names = columns.map(({ name }) => name);
  const values = columns.map(({ name, type }) =>
    name === 'run_id' ? runId : type === 'INTEGER' ? 0 : '',
  );
  db.prepare(
    `INSERT INTO runs (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  ).run(...values);
}
