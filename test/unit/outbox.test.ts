/** What the relay asks of the registry, again and again: it costs what is still to be published, not what ever was. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createRunStore, openDatabase } from '../../src/persistence/index.ts';
import { removeTree } from '../remove-tree.ts';

test('the outbox is read by way of its own rows', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-outbox-'));
  const db = openDatabase(path.join(dir, 'registry.db'));
  t.after(() => {
    db.close();
    removeTree(dir);
  });
  const asked: string[] = [];
  const prepare = db.prepare.bind(db);
  t.mock.method(db, 'prepare', (sql: string) => {
    asked.push(sql);
    return prepare(sql);
  });
  assert.deepEqual(createRunStore(db).outbox(10, 0, 100), []);
  const [sql = ''] = asked;
  const plan = prepare(`EXPLAIN QUERY PLAN ${sql}`).all(0, 100, 10) as { detail: string }[];
  assert.deepEqual(
    plan.map(({ detail }) => detail.replace(/ \(.*/, '')),
    ['SEARCH outbox USING INTEGER PRIMARY KEY', 'SEARCH t USING INTEGER PRIMARY KEY'],
  );
});
