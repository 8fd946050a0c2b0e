import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import {
  type Asked,
  type AuditEntry,
  auditFiles,
  callerAt,
  gather,
  lineOf,
  nothingSaid,
  openAuditBook,
  readAudit,
  recording,
} from '../../src/audit/index.ts';
import { RunyardError } from '../../src/errors.ts';
import type { Clock } from '../../src/telemetry/index.ts';
import { until } from '../integration/yard.ts';

const log = pino({ level: 'silent' });

function place(t: TestContext): { root: string; newest: string } {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-audit-'));
  t.after(() => fs.rmSync(root, { recursive: true }));
  return { root, newest: path.join(root, 'audit.jsonl') };
}

/** A clock that the test moves. */
function handClock() {
  let ms = 0;
  const due: { at: number; act: () => void }[] = [];
  const clock: Clock = {
    now: () => ({ boot_id: 'b', mono_ms: ms, wall_ms: Date.parse('2026-01-31T08:00:00Z') + ms }),
    iso: () => new Date(Date.parse('2026-01-31T08:00:00Z') + ms).toISOString(),
    later: (act) => act(),
    after(wait, act) {
      const entry = { at: ms + wait, act };
      due.push(entry);
      return () => void due.splice(due.indexOf(entry), due.includes(entry) ? 1 : 0);
    },
  };
  return {
    clock,
    pass(by: number) {
      ms += by;
      for (const { act } of due.filter(({ at }) => at <= ms)) act();
    },
  };
}

function asked(what: string, more: Partial<Asked> = {}): Asked {
  return { ...nothingSaid, what, via: 'grpc', by: 'socket', role: 'operator', ...more };
}

async function all(root: string, sinceMs = 0): Promise<AuditEntry[]> {
  return Array.fromAsync(readAudit(root, { sinceMs }));
}

test('lines are there in order when the book is closed, private, and whole', async (t) => {
  const { root, newest } = place(t);
  const { clock } = handClock();
  const book = openAuditBook({ root, clock, log });
  for (let n = 0; n < 500; n += 1) book.done(asked(`Call${n}`), n % 2 === 0 ? 'ok' : 'usage');
  await book.close();
  assert.equal(fs.statSync(newest).mode & 0o777, 0o600);
  const found = await all(root);
  assert.deepEqual(
    found.map(({ what, outcome }) => `${what} ${outcome}`),
    Array.from({ length: 500 }, (_, n) => `Call${n} ${n % 2 === 0 ? 'ok' : 'usage'}`),
  );
  assert.equal(book.trouble(), null);
});

test('files are bounded: the oldest lines go, and what is kept has no hole', async (t) => {
  const { root } = place(t);
  const { clock } = handClock();
  const maxBytes = 4096;
  for (let n = 0; n < 200; n += 1) {
    // Each of another daemon, so that each is a write of its own.
    const book = openAuditBook({ root, clock, log, maxBytes });
    book.done(asked(`Call${n}`), 'ok');
    await book.close();
  }
  const there = fs.readdirSync(root).sort();
  assert.deepEqual(there, ['audit.1.jsonl', 'audit.2.jsonl', 'audit.3.jsonl', 'audit.jsonl']);
  for (const name of there) {
    assert(fs.statSync(path.join(root, name)).size <= maxBytes, name);
    assert.equal(fs.statSync(path.join(root, name)).mode & 0o777, 0o600);
  }
  const numbers = (await all(root)).map(({ what }) => Number(what.slice(4)));
  assert(numbers.length > 20, `${numbers.length} are kept`);
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, n) => 200 - numbers.length + n),
  );
});

test('whatever is said, a line stays below 4 KB, is one line, and names the call', () => {
  const long = 'ü"\n\u0000'.repeat(5000);
  const messages = gather();
  messages.asked({ user: long, reason: long, group: long, target: long, name: long, run: long });
  messages.asked({ runs: Array.from({ length: 50 }, () => ({ ref: long })) });
  const line = lineOf({
    v: 1,
    at: '2026-01-31T08:00:00.000Z',
    ...asked('StopRun', messages.facts()),
    outcome: 'ok',
  });
  assert(Buffer.byteLength(line) < 4096, `${Buffer.byteLength(line)} bytes`);
  assert.equal(line.indexOf('\n'), line.length - 1);
  const found = JSON.parse(line) as AuditEntry;
  assert.deepEqual([found.what, found.outcome, found.count], ['StopRun', 'ok', 51]);
});

test('a thousand submits are a number and the first ids; nothing but what is named gets through', () => {
  const secret = 'hunter2-is-a-secret';
  const messages = gather();
  for (let n = 0; n < 1000; n += 1) {
    messages.asked({
      config: {
        command: [`/opt/${secret}/bin/python`, 'train.py', `--key=${secret}`],
        name: secret,
      },
      env_ref: { uri: secret, sha256: secret },
      key: secret,
      traceparent: secret,
      user: 'ana',
      link: secret,
      password: secret,
      token: secret,
    });
    messages.answered({ run_id: `run${n}`, created: true, password: secret, url: secret });
  }
  const facts = messages.facts();
  assert.equal(facts.count, 1000);
  assert.deepEqual(facts.runs, ['run0', 'run1', 'run2', 'run3', 'run4', 'run5', 'run6', 'run7']);
  assert.deepEqual(facts.about, { program: 'python' });
  assert.equal(facts.user, 'ana');
  assert.doesNotMatch(JSON.stringify(facts), new RegExp(secret));
});

test('where a caller is comes as one writes it', () => {
  assert.equal(callerAt('::ffff:192.0.2.7', 4411), '192.0.2.7:4411');
  assert.equal(callerAt('fd00::2', '4411'), '[fd00::2]:4411');
  assert.equal(callerAt('127.0.0.1', 4411), '127.0.0.1:4411');
  assert.equal(callerAt(undefined, undefined), '');
});

test('what names runs in vain is told as it was said, and false is told where it is an answer', () => {
  const messages = gather();
  messages.asked({ run: { ref: '@last' }, pinned: false, now: false, expires_s: 0 });
  assert.deepEqual(messages.facts(), {
    user: '',
    runs: ['@last'],
    count: 1,
    about: { pinned: false },
    why: '',
  });
});

test('a disk that takes nothing holds up nobody: lines wait, then those that have no room are counted', async (t) => {
  const { root, newest } = place(t);
  const { clock } = handClock();
  // Even root writes into no directory.
  fs.mkdirSync(newest);
  const book = openAuditBook({ root, clock, log });
  book.done(asked('First'), 'ok');
  await until(() => book.trouble() !== null, 'the trouble');
  assert.match(book.trouble() ?? '', /EISDIR.*1 lines wait$/);
  for (let n = 0; n < 5100; n += 1) book.done(asked(`Call${n}`), 'ok');
  assert.match(book.trouble() ?? '', /5000 lines wait, 101 are lost/);
  fs.rmdirSync(newest);
  await until(() => book.trouble() === null, 'the log to be written again');
  await book.close();
  const found = await all(root);
  assert.equal(found.length, 5001);
  assert.deepEqual([found[0]?.what, found[0]?.about], ['LinesLost', { lines: 101 }]);
  assert.equal(found[1]?.what, 'Call100');
  assert.equal(found.at(-1)?.what, 'Call5099');
});

test('a device that is full is survived, and the end of the daemon is not held up', async (t) => {
  const { root, newest } = place(t);
  const { clock } = handClock();
  fs.symlinkSync('/dev/full', newest);
  const said: string[] = [];
  const loud = pino({ level: 'error' }, { write: (line: string) => void said.push(line) });
  const book = openAuditBook({ root, clock, log: loud });
  book.done(asked('First'), 'ok');
  await until(() => book.trouble() !== null, 'the trouble');
  assert.match(book.trouble() ?? '', /ENOSPC/);
  await book.close();
  assert.equal(said.length, 1);
  assert.match(said[0] ?? '', /"lost":1/);
});

test('a line that broke off ends there, and the next one is whole', async (t) => {
  const { root, newest } = place(t);
  const { clock } = handClock();
  fs.writeFileSync(
    newest,
    '{"v":1,"at":"2026-01-30T00:00:00.000Z","what":"Whole"}\n{"v":1,"at":"20',
  );
  const book = openAuditBook({ root, clock, log });
  book.done(asked('Next'), 'ok');
  await book.close();
  assert.deepEqual(
    (await all(root)).map(({ what }) => what),
    ['Whole', 'Next'],
  );
});

test('refusals are bounded: some at once, then one a minute, and the rest is counted', async (t) => {
  const { root } = place(t);
  const { clock, pass } = handClock();
  const book = openAuditBook({ root, clock, log });
  const knock = (times: number): void => {
    for (let n = 0; n < times; n += 1)
      book.refused(asked('StopRun', { role: null }), 'unauthenticated');
  };
  knock(10_000);
  pass(60_000);
  knock(100);
  book.done(asked('SubmitRun'), 'ok');
  await book.close();
  const found = await all(root);
  const counted = found
    .filter(({ what }) => what === 'MoreRefused')
    .map(({ about }) => about.calls);
  assert.equal(found.filter(({ outcome }) => outcome === 'unauthenticated').length, 31);
  assert.deepEqual(counted, [9970, 99]);
  assert.equal(found.filter(({ what }) => what === 'SubmitRun').length, 1);
});

test('a reader that follows has each line once over new files, and looks back no further than it is told', async (t) => {
  const { root } = place(t);
  const { clock, pass } = handClock();
  const maxBytes = 2048;
  const write = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 1) {
      pass(1000);
      const book = openAuditBook({ root, clock, log, maxBytes });
      book.done(asked(`Call${n}`), 'ok');
      await book.close();
    }
  };
  await write(0, 10);
  const stop = new AbortController();
  const found: string[] = [];
  const sinceMs = Date.parse('2026-01-31T08:00:06Z');
  const reading = (async () => {
    const how = { follow: true, signal: stop.signal, sinceMs };
    for await (const { what } of readAudit(root, how)) found.push(what);
  })();
  // A new file is begun every few lines; it may not fall four behind.
  for (let n = 10; n < 60; n += 5) {
    await write(n, n + 5);
    await until(() => found.at(-1) === `Call${n + 4}`, `line ${n + 4}`);
  }
  stop.abort();
  await reading;
  assert(fs.existsSync(auditFiles(root)[3] ?? ''));
  assert.deepEqual(
    found,
    Array.from({ length: 55 }, (_, n) => `Call${n + 5}`),
  );
});

test('what the command line does by itself is written beside it, and nothing stops it', async (t) => {
  const { root, newest } = place(t);
  assert.equal(await recording(root, { what: 'Backup', user: 'ana' }, async () => 7), 7);
  const failing = async (): Promise<void> => {
    throw new RunyardError('disk_full', 'no room');
  };
  await assert.rejects(recording(root, { what: 'Backup', user: 'ana' }, failing), {
    code: 'disk_full',
  });
  const found = await all(root);
  assert.deepEqual(
    found.map(({ what, via, user, outcome }) => [what, via, user, outcome]),
    [
      ['Backup', 'cli', 'ana', 'ok'],
      ['Backup', 'cli', 'ana', 'disk_full'],
    ],
  );
  assert.equal(fs.statSync(newest).mode & 0o777, 0o600);
  fs.rmSync(newest);
  fs.mkdirSync(newest);
  assert.equal(await recording(root, { what: 'Backup', user: 'ana' }, async () => 8), 8);
});
