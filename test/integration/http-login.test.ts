import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { type Asked, ask, consoleOf, json, logIn, tokenOf } from './http-fixture.ts';
import { startYard } from './yard.ts';

const cli = path.resolve(import.meta.dirname, '../../src/cli/main.ts');

test('a link is good for one log-in, the session for its role, over a restart too', async () => {
  await using yard = await startYard();
  const address = await consoleOf(yard);
  const { url, role } = await yard.client.openConsole({ viewer: false });
  assert.equal(role, 'operator');
  assert.match(url, new RegExp(`^http://${address}/#login=[\\w-]{43}$`));
  const link = url.split('=')[1] ?? '';
  const exchange = (secret: string) =>
    ask(address, '/api/session', { method: 'POST', ...json({ link: secret }) });
  for (const wrong of ['', 'x', `${link}x`, link.slice(1)]) {
    assert.equal((await exchange(wrong)).status, 401, wrong);
  }
  const first = await exchange(link);
  assert.equal(first.status, 200);
  const [cookie = ''] = first.headers['set-cookie'] ?? [];
  assert.match(
    cookie,
    /^runyard_[0-9a-f]{8}=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=\d+$/,
  );
  const again = await exchange(link);
  assert.equal(again.status, 401);
  assert.match(JSON.parse(again.text).error.message, /was used/);

  const operator = await logIn(yard);
  const viewer = await logIn(yard, true);
  assert.equal(viewer.role, 'viewer');
  const stop = (headers: Record<string, string>) =>
    ask(address, '/api/drain', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ on: false }),
    });
  const look = (cookie: string) => ask(address, '/api/runs', { headers: { cookie } });
  const csrf = { 'x-runyard-csrf': operator.csrf };
  const check = async () => {
    assert.equal((await look(operator.cookie)).status, 200);
    assert.equal((await look(viewer.cookie)).status, 200);
    assert.equal((await stop({ cookie: operator.cookie, ...csrf })).status, 200);
    // What another site could have the browser send.
    assert.equal((await stop({ cookie: operator.cookie })).status, 403);
    assert.equal(
      (await stop({ cookie: operator.cookie, 'x-runyard-csrf': viewer.csrf })).status,
      403,
    );
    const asViewer = { cookie: viewer.cookie, 'x-runyard-csrf': viewer.csrf };
    assert.equal(JSON.parse((await stop(asViewer)).text).error.code, 'forbidden');
  };
  await check();
  // Nothing that is kept is good for a log-in.
  const kept = fs.readFileSync(path.join(yard.home, 'console-sessions.json'), 'utf8');
  for (const { secret, csrf: other } of [operator, viewer]) {
    assert(!kept.includes(secret) && !kept.includes(other));
  }
  assert.equal(fs.statSync(path.join(yard.home, 'console-sessions.json')).mode & 0o777, 0o600);
  const { url: unused } = await yard.client.openConsole();
  await yard.crash();
  await yard.up();
  assert.equal(await consoleOf(yard), address, 'the address is kept');
  await check();
  assert.equal(
    (await exchange(unused.split('=')[1] ?? '')).status,
    401,
    'a link ends with its daemon',
  );

  const end = { method: 'DELETE', headers: { cookie: operator.cookie, ...csrf } };
  assert.equal((await ask(address, '/api/session', end)).status, 200);
  assert.equal((await look(operator.cookie)).status, 401);
  assert.equal((await look(viewer.cookie)).status, 200);
  const bearer = { headers: { authorization: `Bearer ${viewer.secret}` } };
  assert.equal((await ask(address, '/api/runs', bearer)).status, 200, 'a session as Bearer');
  const log = fs.readFileSync(path.join(yard.home, 'daemon.test.log'), 'utf8');
  for (const secret of [link, operator.secret, operator.csrf, tokenOf(yard)]) {
    assert(!log.includes(secret), 'a secret is in the log');
  }
});

test('who calls this machine by another name, or from another origin, is refused', async () => {
  await using yard = await startYard();
  const address = await consoleOf(yard);
  const authorization = `Bearer ${tokenOf(yard)}`;
  const statusOf = async (headers: Record<string, string>, asked: Asked = {}) =>
    (await ask(address, '/api/runs', { ...asked, headers: { authorization, ...headers } })).status;
  for (const host of ['localhost', 'localhost:1', '127.0.0.1:65535', '[::1]:8080', 'LOCALHOST']) {
    assert.equal(await statusOf({ host }), 200, host);
    const origin = `http://${host.toLowerCase()}`;
    assert.equal(await statusOf({ host, origin, 'sec-fetch-site': 'same-origin' }), 200, host);
  }
  const others = [
    ...['evil.test', 'localhost.evil.test', '127.0.0.1.evil.test', 'evil.test:80', '127.0.0.2'],
    ...['localhost:80:80', 'user@localhost', '0.0.0.0', '[::]', 'localhost evil', '2130706433'],
  ];
  for (const host of others) assert.notEqual(await statusOf({ host }), 200, host);
  const host = 'localhost:8400';
  const origins = [
    ...['http://evil.test', 'null', 'http://localhost:8401', 'http://127.0.0.1:8400', ''],
    ...['https://localhost:8400', 'http://localhost:8400.evil.test', 'http://localhost'],
  ];
  for (const origin of origins) assert.equal(await statusOf({ host, origin }), 403, origin);
  for (const site of ['cross-site', 'same-site']) {
    assert.equal(await statusOf({ host, 'sec-fetch-site': site }), 403, site);
  }
  // The page itself gives nothing away; it may be come to from anywhere, and be framed nowhere.
  const page = await ask(address, '/', { headers: { host, 'sec-fetch-site': 'cross-site' } });
  assert.equal(page.status, 200);
  assert.match(page.text, /<title>Runyard/);
  const policy = String(page.headers['content-security-policy']);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.match(policy, /script-src 'self'(;|$)/);
  assert.equal(page.headers['cross-origin-resource-policy'], 'same-origin');
  assert.equal(page.headers['access-control-allow-origin'], undefined);
  const preflight = await ask(address, '/api/runs', {
    method: 'OPTIONS',
    headers: { host, origin: 'http://evil.test', 'access-control-request-method': 'POST' },
  });
  assert.equal(preflight.status, 403);
  const form = { method: 'POST', body: 'on=true' };
  const type = 'application/x-www-form-urlencoded';
  const posted = await ask(address, '/api/drain', {
    ...form,
    headers: { authorization, 'content-type': type },
  });
  assert.equal(posted.status, 400);
});

test('`runyard console` prints a link, and says how to come to it through ssh', async () => {
  await using yard = await startYard();
  const address = await consoleOf(yard);
  const run = (args: string[], env: Record<string, string> = {}) =>
    execa(process.execPath, ['--disable-warning=ExperimentalWarning', cli, ...args], {
      env: { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, DISPLAY: '', ...env },
    });
  const { stdout } = await run(['console']);
  const port = address.split(':')[1];
  assert.match(stdout, new RegExp(`^http://127\\.0\\.0\\.1:${port}/#login=`));
  const far = await run(['console', '--viewer'], {
    SSH_CONNECTION: '10.0.0.2 5000 10.0.0.1 22',
    USER: 'ada',
  });
  assert.match(
    far.stderr,
    new RegExp(`ssh -N -L ${port}:127\\.0\\.0\\.1:${port} ada@10\\.0\\.0\\.1`),
  );
  assert.match(far.stderr, /as viewer/);
  const { stdout: json } = await run(['console', '--json', '--viewer']);
  assert.equal(JSON.parse(json).role, 'viewer');
  const { stdout: status } = await run(['status', '--json']);
  assert.equal(JSON.parse(status).console, address);
});

test('without a console everything else goes on, and the way out is told', async () => {
  await using yard = await startYard({ RUNYARD_CONSOLE_LISTEN: 'off' });
  assert.equal((await yard.client.health()).console, '');
  await assert.rejects(yard.client.openConsole(), { code: 'console_off' });
  // An address that another program has is no reason not to run.
  const { tcp } = await yard.client.health();
  await yard.crash();
  await yard.up({ RUNYARD_CONSOLE_LISTEN: tcp, RUNYARD_LISTEN: tcp });
  await assert.rejects(yard.client.openConsole(), {
    code: 'console_off',
    message: new RegExp(tcp),
  });
  const { status, reasons } = await yard.client.health();
  assert.equal(status, 'degraded');
  // The bus may not have come up yet.
  assert(reasons.some(({ part, text }) => part === 'console' && text.includes(tcp)));
});
