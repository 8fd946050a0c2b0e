import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { createSessions } from '../../src/daemon/console/sessions.ts';
import type { Clock } from '../../src/telemetry/index.ts';

function createWorld(t: TestContext) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-sessions-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  let [wallMs, monoMs] = [Date.parse('2026-01-01T00:00:00Z'), 1000];
  const clock: Clock = {
    now: () => ({ boot_id: 'b', wall_ms: wallMs, mono_ms: monoMs }),
    iso: () => new Date(wallMs).toISOString(),
    later: (act) => act(),
    after: () => () => undefined,
  };
  const file = path.join(dir, 'sessions.json');
  return {
    file,
    open: () => createSessions({ file, clock, log: pino({ level: 'silent' }) }),
    pass(ms: number) {
      wallMs += ms;
      monoMs += ms;
    },
    setWallClock(ms: number) {
      wallMs += ms;
    },
  };
}

const minute = 60_000;
const day = 86_400_000;

test('a link is good once, and for five minutes whatever is done to the clock', (t) => {
  const { open, pass, setWallClock } = createWorld(t);
  const sessions = open();
  const { secret } = sessions.link('viewer');
  assert.equal(sessions.exchange(secret)?.role, 'viewer');
  assert.equal(sessions.exchange(secret), null);
  const late = sessions.link('operator');
  setWallClock(-day);
  pass(5 * minute - 1);
  const inTime = sessions.link('operator');
  pass(1);
  assert.equal(sessions.exchange(late.secret), null);
  assert.equal(sessions.exchange(inTime.secret)?.role, 'operator');
});

test('a session lasts seven days, over restarts, and its secrets are nowhere', (t) => {
  const { open, pass, file } = createWorld(t);
  const first = open();
  const made = first.exchange(first.link('operator').secret);
  assert(made !== null);
  pass(6 * day);
  const second = open();
  assert.equal(second.cookieName, first.cookieName);
  assert.equal(second.find(made.secret)?.role, 'operator');
  assert.equal(second.isCsrf(made.secret, made.csrf), true);
  assert.equal(second.isCsrf(made.secret, made.secret), false);
  assert.equal(second.find(made.csrf), null);
  const text = fs.readFileSync(file, 'utf8');
  assert(!text.includes(made.secret) && !text.includes(made.csrf));
  pass(day);
  assert.equal(second.find(made.secret), null);
  assert.equal(second.isCsrf(made.secret, made.csrf), false);
});

test('a session that is ended stays ended; of very many the oldest go', (t) => {
  const { open } = createWorld(t);
  const sessions = open();
  const make = () => sessions.exchange(sessions.link('viewer').secret)?.secret ?? '';
  const ended = make();
  sessions.end(ended);
  assert.equal(open().find(ended), null);
  const all = Array.from({ length: 101 }, make);
  assert.equal(sessions.find(all[0] ?? ''), null);
  assert.equal(sessions.find(all[1] ?? '')?.role, 'viewer');
});

test('a damaged file logs everybody out, and is no reason not to start', (t) => {
  const { open, file } = createWorld(t);
  for (const text of ['', '{', '[]', '{"id":1,"sessions":null}']) {
    fs.writeFileSync(file, text);
    const sessions = open();
    assert.equal(sessions.find('x'), null);
    assert.match(sessions.cookieName, /^runyard_[0-9a-f]{8}$/);
  }
});
