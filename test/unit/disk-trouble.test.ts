import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { reasonsOf, type Signs } from '../../src/daemon/health.ts';
import { RunyardError } from '../../src/errors.ts';
import { createGuard, createReserve } from '../../src/persistence/index.ts';

const sqliteError = (code: string): Error => new Database.SqliteError('as a test wants it', code);

function guardWith(slices: number, free = 1e9) {
  let room = slices;
  const commits: number[] = [];
  const guard = createGuard({
    file: 'registry.db',
    freeBytes: () => free,
    makeRoom: () => {
      room -= 1;
      return room >= 0;
    },
    onCommit: (ms) => commits.push(ms),
  });
  return { guard, commits, room: () => room };
}

/** Fails so many times with a code of SQLite. */
function failing(times: number, code: string): () => string {
  let left = times;
  return () => {
    left -= 1;
    if (left >= 0) throw sqliteError(code);
    return 'stored';
  };
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
    return 'none';
  } catch (error) {
    return error instanceof RunyardError ? error.code : String(error);
  }
};

test('F10: last words are stored with room from the reserve, new work is refused without it', () => {
  const { guard, room, commits } = guardWith(5);
  assert.equal(guard.lastWord(failing(3, 'SQLITE_FULL')), 'stored');
  assert.equal(room(), 2);
  assert.equal(commits.length, 1);
  assert.equal(
    codeOf(() => guard.write(failing(1, 'SQLITE_FULL'))),
    'disk_full',
  );
  assert.equal(room(), 2);
  assert.equal(
    codeOf(() => guard.lastWord(failing(9, 'SQLITE_FULL'))),
    'disk_full',
  );
});

test('F10: a fault is kept until a write succeeds, and damage for good', () => {
  const { guard } = guardWith(0);
  assert.equal(guard.fault(), null);
  assert.equal(
    codeOf(() => guard.read(failing(1, 'SQLITE_IOERR_READ'))),
    'registry_unavailable',
  );
  guard.read(() => 'reading says nothing about writing');
  assert.equal(guard.fault()?.code, 'registry_unavailable');
  guard.write(() => 'stored');
  assert.equal(guard.fault(), null);
  assert.equal(
    codeOf(() => guard.read(failing(1, 'SQLITE_CORRUPT'))),
    'registry_corrupt',
  );
  guard.write(() => 'stored');
  assert.match(guard.fault()?.text ?? '', /registry\.db is damaged.*--rebuild-registry/);
});

test('F10: SQLite’s IOERR on a disk without space means the space', () => {
  const { guard } = guardWith(0, 0);
  assert.equal(
    codeOf(() => guard.write(failing(1, 'SQLITE_IOERR_SHMSIZE'))),
    'disk_full',
  );
});

test('what is no fault of the disk is passed on as it is', () => {
  const { guard } = guardWith(1);
  assert.match(
    codeOf(() => guard.lastWord(failing(1, 'SQLITE_CONSTRAINT_UNIQUE'))),
    /SqliteError/,
  );
  assert.equal(guard.fault(), null);
});

test('the reserve is real space, given back a slice at a time, and taken again', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-reserve-'));
  try {
    const file = path.join(dir, 'reserve');
    const reserve = createReserve({ file, dir });
    assert.equal(reserve.release(), false);
    await reserve.refill();
    const whole = reserve.bytes();
    assert.ok(whole >= 8 * 2 ** 20 && whole <= 64 * 2 ** 20);
    assert.ok(fs.statSync(file).blocks * 512 >= whole, 'not sparse');
    assert.equal(reserve.release(), true);
    assert.equal(reserve.bytes(), whole - 2 ** 20);
    await reserve.refill();
    assert.equal(reserve.bytes(), whole);
    let slices = 0;
    while (reserve.release()) slices += 1;
    assert.equal(slices, Math.ceil(whole / 2 ** 20));
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});

test('health has one reason for each trouble, and says what goes on', () => {
  const well: Signs = {
    home: '/home/of/yard',
    freeBytes: 500,
    floorBytes: 400,
    registry: null,
    wal: null,
    bus: null,
  };
  assert.deepEqual(reasonsOf(well), []);
  const parts = (signs: Partial<Signs>) =>
    reasonsOf({ ...well, ...signs }).map(({ part, severity }) => `${part} ${severity}`);
  assert.deepEqual(parts({ freeBytes: 300 }), ['disk degraded']);
  assert.deepEqual(
    parts({ registry: { code: 'disk_full', text: 'the disk is full', lasting: false } }),
    ['disk degraded'],
  );
  assert.deepEqual(
    parts({
      registry: { code: 'registry_corrupt', text: 'it is damaged', lasting: true },
      freeBytes: 0,
      wal: 'its log has grown',
      bus: 'time-outs',
    }),
    ['registry failed', 'disk degraded', 'registry degraded', 'bus degraded'],
  );
  const all: Partial<Signs> = {
    registry: { code: 'registry_unavailable', text: 'it cannot be read', lasting: false },
    ...{ freeBytes: 0, wal: 'its log has grown', bus: 'time-outs' },
    ...{ gpus: ['nvidia-smi hangs'], console: 'taken', notify: 'curl ended with code 22' },
  };
  const refusing = reasonsOf({ ...well, ...all }).filter((reason) => reason.refuses_runs);
  assert.deepEqual(
    refusing.map(({ part, text }) => [part, text.includes('new runs are refused')]),
    [
      ['registry', true],
      ['disk', true],
    ],
  );
});
