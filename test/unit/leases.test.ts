/** The registry itself refuses a double lease: of a slot, and of a GPU as a whole beside a share of it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createRunStore, openDatabase } from '../../src/persistence/index.ts';
import { removeTree } from '../remove-tree.ts';

const at = '2026-01-01T00:00:00.000Z';

function registry(t: { after(act: () => void): void }) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-leases-'));
  const db = openDatabase(path.join(dir, 'registry.db'));
  t.after(() => {
    db.close();
    removeTree(dir);
  });
  const bare = (slot: string, run: string): void => {
    db.prepare(
      'INSERT OR IGNORE INTO leases (slot, run_id, attempt, since) VALUES (?, ?, 1, ?)',
    ).run(slot, run, at);
  };
  return { store: createRunStore(db), bare };
}

test('a lease is all or none, and never beside another of the same slot', (t) => {
  const { store } = registry(t);
  assert.equal(store.lease('a', 1, ['g0', 'g1'], at), true);
  assert.equal(store.lease('a', 1, ['g0', 'g1'], at), true, 'the same attempt may ask again');
  assert.equal(store.lease('a', 2, ['g0'], at), false);
  assert.equal(store.lease('b', 1, ['g1', 'g2'], at), false);
  assert.deepEqual(
    store.leases().map(({ slot }) => slot),
    ['g0', 'g1'],
  );
});

test('shares are leased beside each other, and never beside the whole', (t) => {
  const { store, bare } = registry(t);
  assert.equal(store.lease('a', 1, ['g1#0'], at), true);
  assert.equal(store.lease('b', 1, ['g1#1'], at), true);
  assert.equal(store.lease('c', 1, ['g1#1'], at), false);
  assert.equal(store.lease('c', 1, ['g1'], at), false);
  assert.equal(
    store.lease('c', 1, ['g10', 'g11#0'], at),
    true,
    'another GPU, although its name begins alike',
  );
  // Whatever our own code thinks of it.
  assert.throws(() => bare('g1', 'd'), /leased in another way/);
  assert.throws(() => bare('g10#4', 'd'), /leased in another way/);
  bare('g11#4', 'd');
});
