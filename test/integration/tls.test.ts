/** A daemon on the network: encrypted or not at all, with certificates that are renewed under it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { pino } from 'pino';
import { readAudit } from '../../src/audit/index.ts';
import { type ConnectOptions, connect } from '../../src/client/index.ts';
import { loadSettings } from '../../src/contracts/settings.ts';
import { RunyardError } from '../../src/errors.ts';
import { systemClock } from '../../src/telemetry/index.ts';
import { openTls } from '../../src/transport/tls/index.ts';
import { type Authority, makeAuthority } from '../fixtures/certificates.ts';
import { startChromium } from '../fixtures/chromium.ts';
import { removeTree } from '../remove-tree.ts';
import {
  type Answer,
  type Asked,
  ask as askPlain,
  consoleOf,
  json,
  tokenOf,
} from './http-fixture.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
/** Of this machine, as others see it; one without a network has loopback alone, and listens on all it has. */
const own =
  Object.values(os.networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1';

async function authorities(
  t: TestContext,
): Promise<{ dir: string; ours: Authority; other: Authority }> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-tls-'));
  t.after(() => removeTree(dir));
  return { dir, ours: await makeAuthority(dir, 'ours'), other: await makeAuthority(dir, 'other') };
}

function portOf(address: string): string {
  return address.slice(address.lastIndexOf(':') + 1);
}

async function failureOf(options: ConnectOptions): Promise<RunyardError> {
  try {
    const client = await connect(options);
    await client.health().finally(() => client.close());
  } catch (error) {
    assert(error instanceof RunyardError);
    return error;
  }
  return assert.fail('that was let in');
}

/** As a browser that trusts this authority; `name`: what it takes the server for. */
function ask(
  port: string,
  place: string,
  ca: Buffer,
  asked: Asked & { name?: string } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body, name = 'ws1.test' } = asked;
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host: own,
        port,
        path: place,
        method,
        ca,
        ...(net.isIP(name) === 0 ? { servername: name } : {}),
        agent: false,
        headers: { host: `${name}:${port}`, ...headers },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

async function onTheNetwork(settings: Record<string, unknown>): Promise<Yard> {
  return startYard(
    {},
    { settings: { listen: '0.0.0.0:0', console_listen: '0.0.0.0:0', ...settings } },
  );
}

test('who trusts its certificate is let in by the token, everybody else is told why not', async (t) => {
  const { ours, other } = await authorities(t);
  const { cert, key } = await ours.issue('good', { dns: ['ws1.test'], ips: [own] });
  await using yard = await onTheNetwork({ tls_cert: cert, tls_key: key });
  const health = await yard.client.health();
  assert.deepEqual(health.tls, ['tcp', 'console']);
  const port = portOf(health.tcp);
  const [address, token] = [`${own}:${port}`, tokenOf(yard)];

  const client = await connect({ address, token, ca: ours.file });
  t.after(() => client.close());
  const { run_id: run } = await client.submit({ command: ['true'], cwd: yard.home });
  assert.equal((await client.wait(run)).run_id, run);
  const line = await until(async () => {
    const lines = await Array.fromAsync(readAudit(yard.home));
    return lines.find(({ what }) => what === 'SubmitRun');
  }, 'its line');
  assert.match(line.from, new RegExp(`${own}:\\d+$`));

  const wrongToken = await failureOf({ address, token: 'wrong', ca: ours.file });
  assert.equal(wrongToken.code, 'unauthenticated');
  const stranger = await failureOf({ address, token, ca: other.file });
  assert.equal(stranger.code, 'tls_failed');
  assert.match(stranger.violations[0]?.rule ?? '', /did not sign/);
  assert.match(stranger.violations[0]?.hint ?? '', /RUNYARD_CA/);
  assert.equal((await failureOf({ address, token, ca: 'public' })).code, 'tls_failed');
  const misnamed = await failureOf({ address: `localhost:${port}`, token, ca: ours.file });
  assert.equal(misnamed.code, 'tls_failed');
  assert.match(misnamed.violations[0]?.rule ?? '', /name in its certificate/);
  const noFile = await failureOf({ address, token, ca: path.join(yard.home, 'none.pem') });
  assert.equal(noFile.code, 'tls_failed');
  const noPem = await failureOf({ address, token, ca: path.join(yard.home, 'token') });
  assert.match(noPem.message, /PEM/);
  // In the clear: not at all where it would leave the machine; and where it would not, nobody answers.
  if (own !== '127.0.0.1') {
    const clear = await failureOf({ address, token });
    assert.equal(clear.code, 'tls_failed');
    assert.match(clear.violations[0]?.hint ?? '', /RUNYARD_CA/);
  }
  const plain = await failureOf({ address: `127.0.0.1:${port}`, token });
  assert.equal(plain.code, 'daemon_not_running');
  assert.match(plain.message, /One that encrypts wants `ca` \(RUNYARD_CA\)/);

  // The command line.
  const env = {
    RUNYARD_HOME: path.join(yard.home, 'nowhere'),
    RUNYARD_ADDRESS: address,
    RUNYARD_TOKEN: token,
  };
  const cli = (args: string[], more: Record<string, string> = {}) =>
    execa(runyard, args, { env: { ...env, RUNYARD_CA: ours.file, ...more }, reject: false });
  assert.match((await cli(['ls', '-a'])).stdout, new RegExp(run));
  assert.match((await cli(['status'])).stdout, /^tls\ttcp,console$/m);
  const refused = await cli(['ls'], { RUNYARD_CA: other.file });
  assert.equal(refused.exitCode, 1);
  assert.match(refused.stderr, /did not sign.*RUNYARD_CA/);
  const offline = await cli(['ls', '--offline']);
  assert.match(offline.stderr, /RUNYARD_ADDRESS/);
});

test('the console comes by https, under the names of its certificate alone, with cookies for https alone', async (t) => {
  const { ours } = await authorities(t);
  const { cert, key } = await ours.issue('good', { dns: ['ws1.test'], ips: [own] });
  await using yard = await onTheNetwork({ tls_cert: cert, tls_key: key });
  const port = portOf(await consoleOf(yard));
  const ca = fs.readFileSync(ours.file);
  const { url } = await yard.client.openConsole();
  assert(url.startsWith(`https://ws1.test:${port}/#login=`), url);

  const login = await ask(port, '/api/session', ca, {
    method: 'POST',
    ...json({ link: new URL(url).hash.slice('#login='.length) }),
  });
  assert.equal(login.status, 200);
  const [set = ''] = login.headers['set-cookie'] ?? [];
  assert.match(set, /; HttpOnly; SameSite=Strict; .*; Secure$/);
  const { csrf } = JSON.parse(login.text) as { csrf: string };
  const mine = {
    cookie: set.split(';')[0] ?? '',
    'x-runyard-csrf': csrf,
    'content-type': 'application/json',
  };
  const drain = (headers: Record<string, string>, name?: string) =>
    ask(port, '/api/drain', ca, {
      method: 'POST',
      headers: { ...mine, ...headers },
      body: JSON.stringify({ on: false }),
      ...(name === undefined ? {} : { name }),
    });
  assert.equal((await drain({ origin: `https://ws1.test:${port}` })).status, 200);
  assert.equal((await drain({ origin: `http://ws1.test:${port}` })).status, 403);
  assert.equal((await drain({ origin: 'https://ws1.test' })).status, 403);
  assert.equal((await drain({ host: `${own}:${port}` })).status, 200);
  const renamed = await drain({ host: `evil.test:${port}` });
  assert.equal(renamed.status, 403);
  assert.match(renamed.text, /a name that its certificate has/);

  // In the clear there is nothing.
  await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`));
});

test('the console in a browser of another machine: logged in by https, and live', async (t) => {
  const browser = await startChromium([`--host-resolver-rules=MAP ws1.test ${own}`]);
  if ('missing' in browser) {
    t.skip(browser.missing);
    return;
  }
  try {
    const { ours } = await authorities(t);
    const { cert, key } = await ours.issue('good', { dns: ['ws1.test'] });
    await using yard = await onTheNetwork({ tls_cert: cert, tls_key: key });
    await consoleOf(yard);
    const { url } = await yard.client.openConsole();
    assert.equal(new URL(url).hostname, 'ws1.test');
    // Its own authorities are the browser's; that the certificate is checked is for other tests.
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(url);
    await page.getByRole('navigation', { name: 'pages' }).waitFor();
    const [cookie] = await context.cookies();
    assert.deepEqual([cookie?.secure, cookie?.httpOnly, cookie?.sameSite], [true, true, 'Strict']);
    // It comes by the stream of events.
    await yard.client.submit({ name: 'over-the-wire', command: ['true'], cwd: yard.home });
    await page.getByText('over-the-wire').first().waitFor();
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
});

test('a renewed certificate is used without a restart; one that is no good is told, and the old one stays', async (t) => {
  const { dir, ours, other } = await authorities(t);
  const [first, second] = [
    await ours.issue('first', { ips: [own] }),
    await other.issue('second', { ips: [own] }),
  ];
  const place = { cert: path.join(dir, 'live.pem'), key: path.join(dir, 'live.key') };
  const put = (from: { cert: string; key: string }): void => {
    for (const name of ['cert', 'key'] as const) {
      fs.copyFileSync(from[name], `${place[name]}.new`);
      fs.renameSync(`${place[name]}.new`, place[name]);
    }
  };
  put(first);
  await using yard = await onTheNetwork({ tls_cert: place.cert, tls_key: place.key });
  const health = await yard.client.health();
  const [address, token] = [`${own}:${portOf(health.tcp)}`, tokenOf(yard)];
  const port = portOf(await consoleOf(yard));
  const before = await connect({ address, token, ca: ours.file });
  t.after(() => before.close());
  await before.health();

  fs.copyFileSync(second.cert, place.cert);
  const reason = await until(
    async () => {
      const { reasons } = await before.health();
      return reasons.find(({ part }) => part === 'tls');
    },
    'the reason',
    60_000,
  );
  assert.match(reason.text, /no certificate in PEM and its key.*from before is in use/);
  const still = await connect({ address, token, ca: ours.file });
  await still.health().finally(() => still.close());

  put(second);
  // Whoever is connected stays so; who comes anew sees the new one, over both doors.
  await until(async () => (await before.health()).reasons.length === 0, 'the renewal', 60_000);
  const after = await connect({ address, token, ca: other.file });
  await after.health().finally(() => after.close());
  assert.equal((await failureOf({ address, token, ca: ours.file })).code, 'tls_failed');
  const probe = await ask(port, '/healthz', fs.readFileSync(other.file), { name: own });
  assert.equal(probe.status, 200);
});

test('nothing listens beyond this machine in the clear unless that is said', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-tls-'));
  fs.mkdirSync(path.join(dir, 'runyard'));
  const env = { XDG_CONFIG_HOME: dir, RUNYARD_HOME: dir };
  const load = (settings: object) => {
    fs.writeFileSync(path.join(dir, 'runyard/config.yaml'), JSON.stringify(settings));
    return loadSettings(env).values;
  };
  const pair = { tls_cert: '/etc/ssl/ws1.pem', tls_key: '/etc/ssl/ws1.key' };
  try {
    for (const listen of [
      '0.0.0.0:0',
      '192.0.2.7:7000',
      '[::]:0',
      '[fd00::2]:7000',
      '128.0.0.1:0',
    ]) {
      for (const field of ['listen', 'console_listen']) {
        assert.throws(
          () => load({ [field]: listen }),
          (error: RunyardError) => {
            assert.equal(error.code, 'settings_invalid');
            assert.equal(error.violations[0]?.field, `/${field}`);
            assert.match(error.violations[0]?.hint ?? '', /tls_cert.*ssh.*listen_insecure/);
            return true;
          },
        );
        load({ [field]: listen, listen_insecure: true });
        load({ [field]: listen, ...pair });
      }
    }
    load({});
    assert.throws(() => loadSettings({ ...env, RUNYARD_LISTEN: '0.0.0.0:0' }), {
      code: 'settings_invalid',
    });
    for (const listen of ['127.0.0.1:0', '127.0.0.2:7000', 'localhost:0', '[::1]:0'])
      load({ listen });
    for (const listen of ['ws1:7000', '0.0.0.0', ':7000', 'fd00::2:7000'])
      assert.throws(() => load({ listen, ...pair }), { code: 'settings_invalid' });
    assert.throws(() => load({ tls_cert: pair.tls_cert }), { code: 'settings_invalid' });
    assert.throws(() => load({ tls_key: pair.tls_key }), { code: 'settings_invalid' });

    // A daemon whose certificate is not there does not begin, and says which file.
    load({ listen: '0.0.0.0:0', tls_cert: `${dir}/none.pem`, tls_key: `${dir}/none.key` });
    const daemon = await execa(runyard, ['daemon', '--gpus', 'none'], { env, reject: false });
    assert.notEqual(daemon.exitCode, 0);
    assert.match(daemon.stderr, /none\.pem cannot be read/);
  } finally {
    removeTree(dir);
  }
});

test('in the clear, where both sides have said so', async () => {
  await using yard = await onTheNetwork({ listen_insecure: true });
  const health = await yard.client.health();
  assert.deepEqual(health.tls, []);
  const [address, token] = [`${own}:${portOf(health.tcp)}`, tokenOf(yard)];
  const client = await connect({ address, token, insecure: true });
  await client.health().finally(() => client.close());
  const byEnv = await connect({
    env: { RUNYARD_ADDRESS: address, RUNYARD_TOKEN: token, RUNYARD_INSECURE: '1' },
  });
  await byEnv.health().finally(() => byEnv.close());
  assert.equal(
    (await failureOf({ address: `0.0.0.0:${portOf(address)}`, token })).code,
    'tls_failed',
  );
  // A name that was turned to us is not let in; an address cannot be one.
  const port = portOf(await consoleOf(yard));
  const status = async (host: string) =>
    (await askPlain(`${own}:${port}`, '/healthz', { headers: { host } })).status;
  assert.equal(await status(`${own}:${port}`), 200);
  assert.equal(await status(`${os.hostname()}:${port}`), 200);
  assert.equal(await status(`evil.test:${port}`), 403);
});

test('the end of a certificate is told before it comes, and it says how a machine is called', async (t) => {
  const { ours } = await authorities(t);
  const log = pino({ level: 'silent' });
  const troubleOf = async (name: string, days: number) => {
    const tls = await openTls({
      ...(await ours.issue(name, { dns: ['ws1.test'], days })),
      clock: systemClock(),
      log,
    });
    const trouble = tls.trouble();
    tls.close();
    assert.equal(tls.name(), 'ws1.test');
    assert(tls.covers('ws1.test') && !tls.covers('ws2.test') && !tls.covers('192.0.2.1'));
    return trouble;
  };
  const nameOf = async (leaf: string, names: { dns?: string[]; ips?: string[] }) => {
    const tls = await openTls({ ...(await ours.issue(leaf, names)), clock: systemClock(), log });
    tls.close();
    return tls.name();
  };
  assert.equal(
    await nameOf('wild', { dns: ['*.test'], ips: ['127.0.0.1', '192.0.2.7'] }),
    '192.0.2.7',
  );
  assert.equal(await nameOf('six', { ips: ['::1', 'fd00::2'] }), '[FD00:0:0:0:0:0:0:2]');
  assert.equal(await troubleOf('long', 30), null);
  // Made for a day: a quarter of that is soon enough.
  assert.equal(await troubleOf('day', 1), null);
  assert.match((await troubleOf('over', -1)) ?? '', /the certificate .*over\.pem ended on/);
});
