/** Registries of older schemas, of which there is one for each released migration, and one of the future. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import type { RunyardError } from '../../src/errors.ts';
import { createRunStore, openDatabase } from '../../src/persistence/index.ts';
import { migrations } from '../../src/persistence/migrations.ts';

test('a registry of each older schema is brought forward with what is in it', (t) => {
  const fresh = openDatabase(fileFor(t));
  const wanted = shapeOf(fresh);
  fresh.close();
  for (let schema = 1; schema < migrations.length; schema += 1) {
    const file = fileFor(t);
    older(file, schema).close();
    const db = openDatabase(file);
    assert.equal(db.pragma('user_version', { simple: true }), migrations.length);
    assert.deepEqual(shapeOf(db), wanted, `from schema ${schema}`);
    const store = createRunStore(db);
    assert.equal(store.run('aaaaaaaa')?.name, 'kept', `from schema ${schema}`);
    assert.deepEqual(
      db.prepare('SELECT slot, run_id FROM leases').all(),
      [{ slot: 'GPU-1', run_id: 'aaaaaaaa' }],
      `from schema ${schema}`,
    );
    assert.deepEqual(db.pragma('foreign_key_check'), []);
    db.close();
  }
});

test('a migration that fails leaves the schema before it, and the next start goes on there', (t) => {
  const file = fileFor(t);
  const before = older(file, 3);
  // A table of that name is in the way of the fourth.
  before.exec('CREATE TABLE shut (x)');
  before.close();
  assert.throws(() => openDatabase(file), { code: 'registry_unavailable' });
  const after = new Database(file);
  assert.equal(after.pragma('user_version', { simple: true }), 3);
  assert.doesNotMatch(JSON.stringify(shapeOf(after)), /ALTER|hold TEXT/);
  after.exec('DROP TABLE shut');
  after.close();
  openDatabase(file).close();
});

test('a registry of a future schema is refused, and nothing in it is changed', (t) => {
  const file = fileFor(t);
  const future = older(file, migrations.length);
  future.pragma(`user_version = ${migrations.length + 1}`);
  const before = shapeOf(future);
  future.close();
  assert.throws(
    () => openDatabase(file),
    ({ code, message }: RunyardError) =>
      code === 'registry_from_future' &&
      message.includes(`of schema ${migrations.length + 1}, this version knows`) &&
      message.endsWith('upgrade Runyard'),
  );
  const after = new Database(file);
  assert.equal(after.pragma('user_version', { simple: true }), migrations.length + 1);
  assert.deepEqual(shapeOf(after), before);
  after.close();
});

function fileFor(t: TestContext): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-schema-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return path.join(dir, 'registry.db');
}

/** As a version of then left it, with one live run that holds a GPU. */
function older(file: string, schema: number): Database.Database {
  const db = new Database(file);
  for (const sql of migrations.slice(0, schema)) db.exec(sql);
  db.pragma(`user_version = ${schema}`);
  db.exec(`
    INSERT INTO runs (run_id, submit_digest, name, user, project, grp, tags, status, state, attempt,
      config, config_digest, gpus, submitted_at, gpu_slot, last_seq, trace_id, machine_version, snapshot)
    VALUES ('aaaaaaaa', '', 'kept', 'ana', '', '', '[]', 'running', 'running.live', 1,
      '{"command":["true"]}', '', 1, '2026-01-01T00:00:00.000Z', '["GPU-1"]', 1, '', '1', '{}');
    INSERT INTO transitions (run_id, seq, at, attempt, event, from_state, to_state, detail, machine_version)
    VALUES ('aaaaaaaa', 1, '2026-01-01T00:00:00.000Z', 1, 'run.submit', '', 'queued', '{}', '1');
    INSERT INTO outbox (pos) VALUES (1);
    INSERT INTO leases (slot, run_id, attempt, since)
    VALUES ('GPU-1', 'aaaaaaaa', 1, '2026-01-01T00:00:00.000Z');
  `);
  return db;
}

/** Every table, index and trigger as it was made. */
const shapeOf = (db: Database.Database): unknown[] =>
  db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name').all();
