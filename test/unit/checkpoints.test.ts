import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { createCheckpointer, openDatabase } from '../../src/persistence/index.ts';
import { createLatency, systemClock } from '../../src/telemetry/index.ts';

const growBytes = 128 * 1024;
const capBytes = 1024 * 1024;

function openTemporary() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-wal-'));
  const file = path.join(dir, 'registry.db');
  const db = openDatabase(file);
  const errors: unknown[] = [];
  const checkpointer = createCheckpointer({
    db,
    file,
    clock: systemClock(),
    everyMs: 3_600_000,
    growBytes,
    capBytes,
    onError: (error) => errors.push(error),
  });
  const insert = db.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = ?');
  let key = 0;
  return {
    file,
    db,
    checkpointer,
    errors,
    /** So many commits within one turn of the event loop. */
    commit(count: number): void {
      for (let i = 0; i < count; i += 1) {
        key = (key + 1) % 500;
        const value = `${key} ${Math.random()}`.repeat(20);
        insert.run(`key ${key}`, value, value);
        checkpointer.committed();
      }
    },
    rows: () => db.prepare('SELECT cause, frames, moved FROM checkpoints').all() as Row[],
    [Symbol.dispose]() {
      checkpointer.close();
      db.close();
      fs.rmSync(dir, { recursive: true });
    },
  };
}
type Row = { cause: string; frames: number; moved: number };

test('G3 F6: a burst of commits in one turn of the loop cannot grow the WAL past its cap', () => {
  using store = openTemporary();
  for (let i = 0; i < 6; i += 1) {
    store.commit(500);
    assert.ok(store.checkpointer.walBytes() < capBytes, `${store.checkpointer.walBytes()} bytes`);
  }
  assert.ok(store.rows().some(({ cause }) => cause === 'size'));
  assert.equal(store.checkpointer.trouble(), null);
  assert.deepEqual(store.errors, []);
});

test('G3: what was asked for is done once, soon, and moves everything', async () => {
  using store = openTemporary();
  store.commit(5);
  for (let i = 0; i < 10; i += 1) store.checkpointer.ask('termination');
  const deadline = Date.now() + 20_000;
  while (store.rows().length === 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [row, ...more] = store.rows();
  assert.deepEqual(more, []);
  assert.equal(row?.cause, 'termination');
  assert.ok(row.frames > 0 && row.moved === row.frames);
  assert.notEqual(store.checkpointer.lastAt(), '');
});

/** A program that reads in one transaction until it is told to end. */
async function startReader(file: string) {
  const sqlite = pathToFileURL(path.resolve('node_modules/better-sqlite3/lib/index.js'));
  const reader = execa(process.execPath, [
    '--input-type=module',
    '-e',
    `import Database from '${sqlite}';
     const db = new Database(process.argv[1]);
     db.exec('BEGIN');
     db.prepare('SELECT count(*) FROM meta').get();
     console.log('reading');
     process.stdin.resume();
     process.stdin.on('end', () => db.close());`,
    file,
  ]);
  await new Promise((resolve) => reader.stdout.once('data', resolve));
  return {
    pid: reader.pid,
    async end(): Promise<void> {
      reader.stdin.end();
      await reader;
    },
  };
}

test('G3: a long reader blocks nobody, is told with its name, and the WAL shrinks when it goes', async () => {
  using store = openTemporary();
  const reader = await startReader(store.file);
  while (store.checkpointer.walBytes() <= 2 * capBytes) store.commit(100);
  store.commit(500);
  // It tried, although it could move nothing; and not at each commit again.
  const tried = store.rows().filter(({ cause }) => cause === 'size');
  assert.ok(tried.length > 0 && tried.length < 30, `${tried.length} checkpoints`);
  assert.match(
    store.checkpointer.trouble() ?? '',
    new RegExp(` because \\S+ \\(pid ${reader.pid}\\) reads the registry`),
  );
  const second = await startReader(store.file);
  const looked = store.rows().length;
  while (store.rows().length === looked) store.commit(100);
  assert.match(
    store.checkpointer.trouble() ?? '',
    / because \S+ \(pid \d+\) and \S+ \(pid \d+\) read the registry/,
  );
  for (const each of [reader, second]) await each.end();
  store.commit(3000);
  assert.equal(store.checkpointer.trouble(), null);
});

test('commit latency is measured, and forgets what is long ago', () => {
  let now = 0;
  const latency = createLatency(() => now);
  assert.equal(latency.p99(), 0);
  for (let i = 0; i < 100; i += 1) latency.record(0.2);
  latency.record(80);
  latency.record(80);
  assert.ok(Math.abs(latency.p99() - 80) < 1, String(latency.p99()));
  now += 61_000;
  assert.ok(latency.p99() > 79);
  now += 61_000;
  for (let i = 0; i < 100; i += 1) latency.record(0.2);
  assert.ok(latency.p99() < 1, String(latency.p99()));
});
