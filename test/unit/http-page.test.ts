import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { buildApp } from '../../src/transport/http/app.ts';
import { rangeOf } from '../../src/transport/http/range.ts';
import { createFakeAudit } from '../fixtures/audit.ts';
import { createFakeOrchestrator } from '../fixtures/orchestrator.ts';

test('the built page is served with right caching, compressed where it was, and nothing beside it', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-page-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const pageDir = path.join(dir, 'console');
  fs.mkdirSync(path.join(pageDir, 'assets'), { recursive: true });
  fs.writeFileSync(path.join(dir, 'token'), 'secret');
  fs.writeFileSync(path.join(pageDir, 'index.html'), '<title>Runyard</title>');
  fs.writeFileSync(path.join(pageDir, 'assets/a-1f.js'), 'let a;');
  fs.writeFileSync(path.join(pageDir, 'assets/a-1f.js.gz'), gzipSync('let a;'));
  const app = await buildApp({
    port: createFakeOrchestrator(),
    sessions: {
      cookieName: 'none',
      exchange: () => null,
      find: () => null,
      isCsrf: () => false,
      end: () => undefined,
    },
    roleOf: () => null,
    user: 'me',
    figures: async () => ({ contentType: 'text/plain', text: '' }),
    pageDir,
    schemasDir: dir,
    audit: createFakeAudit(),
    secure: false,
    isCalled: () => false,
    log: pino({ level: 'silent' }),
  });
  t.after(() => app.close());
  const get = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ url, headers: { host: 'localhost', ...headers } });
  for (const place of ['/', '/runs/m2x8', '/compare']) {
    const page = await get(place);
    assert.equal(page.body, '<title>Runyard</title>', place);
    assert.equal(page.headers['cache-control'], 'no-cache');
    assert.match(String(page.headers['content-security-policy']), /script-src 'self'/);
  }
  const script = await get('/assets/a-1f.js', { 'accept-encoding': 'gzip' });
  assert.equal(script.headers['content-encoding'], 'gzip');
  assert.match(String(script.headers['content-type']), /javascript/);
  assert.match(String(script.headers['cache-control']), /immutable/);
  assert.equal((await get('/assets/a-1f.js')).body, 'let a;');
  for (const place of [
    '/../token',
    '/%2e%2e/token',
    '/..%2ftoken.js',
    '/assets/..%2f..%2ftoken.x',
  ]) {
    const answer = await get(place);
    assert.doesNotMatch(answer.body, /secret/, place);
  }
  const missing = await get('/assets/b.js');
  assert.equal(missing.statusCode, 404);
  assert.doesNotMatch(String(missing.headers['cache-control']), /immutable/);
  // The page is for everybody, what is below /api/ is not.
  assert.equal((await get('/api/runs')).statusCode, 401);
});

test('a range is what RFC 9110 says it is', () => {
  const cases: [string | undefined, number, ReturnType<typeof rangeOf>][] = [
    [undefined, 10, 'all'],
    ['bytes=0-', 10, { first: 0, last: 9 }],
    ['bytes=2-4', 10, { first: 2, last: 4 }],
    ['bytes=2-400', 10, { first: 2, last: 9 }],
    ['bytes=-3', 10, { first: 7, last: 9 }],
    ['bytes=-30', 10, { first: 0, last: 9 }],
    ['bytes=-0', 10, 'none'],
    ['bytes=10-', 10, 'none'],
    ['bytes=0-', 0, 'none'],
    ['bytes=4-2', 10, 'all'],
    ['bytes=0-1,3-4', 10, 'all'],
    ['lines=0-1', 10, 'all'],
    ['bytes=-', 10, 'all'],
    ['bytes=1e3-', 10, 'all'],
  ];
  for (const [header, size, expected] of cases)
    assert.deepEqual(rangeOf(header, size), expected, String(header));
});
