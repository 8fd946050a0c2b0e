/** A token that got out is replaced: at once, for everybody, and without a restart. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { connect, type TrainerClient } from '../../src/client/index.ts';
import { ask, consoleOf, logIn, tokenOf } from './http-fixture.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
const refused = { code: 'unauthenticated' };

async function byPort(yard: Yard, token: string): Promise<TrainerClient> {
  const { tcp } = await yard.client.health();
  return connect({ address: tcp, token });
}

test('the old token is refused from the answer on, its streams and all sessions end, and the file is whole', async (t) => {
  await using yard = await startYard();
  const file = path.join(yard.home, 'token');
  const address = await consoleOf(yard);
  const before = tokenOf(yard);
  const scrape = fs.readFileSync(path.join(yard.home, 'scrape.token'), 'utf8');
  const client = await byPort(yard, before);
  t.after(() => client.close());
  const submit = async () =>
    (
      await yard.client.submit(
        { command: ['sh', '-c', 'while sleep 0.1; do echo on; done'], cwd: yard.home },
        { env: { PATH: process.env.PATH ?? '' } },
      )
    ).run_id;
  const run = await submit();
  const session = await logIn(yard);
  const { url: unused } = await yard.client.openConsole();
  const status = async (headers: Record<string, string>, place = '/api/runs') =>
    (await ask(address, place, { headers })).status;
  assert.equal(await status({ cookie: session.cookie }), 200);

  // A stream by the old token, which has begun.
  let chunks = 0;
  const following = (async () => {
    for await (const _ of client.logs(run, { follow: true })) chunks += 1;
  })();
  following.catch(() => undefined);
  await until(() => chunks > 0, 'some output', 120_000);

  // By the old token itself: the one answer that is owed.
  const rotated = await client.rotateToken({ reason: 'was in a screenshot', user: 'ana' });
  assert.deepEqual(rotated, { file, sessions_ended: 1 });
  const after = tokenOf(yard);
  assert.notEqual(after, before);
  assert.match(after, /^[0-9a-f]{64}$/);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(
    fs.readdirSync(yard.home).filter((name) => /token/.test(name)),
    ['scrape.token', 'token'],
  );
  await assert.rejects(client.health(), refused);
  await assert.rejects(following, refused);
  assert.equal(await status({ authorization: `Bearer ${before}` }), 401);
  assert.equal(await status({ cookie: session.cookie }), 401);
  const exchange = await ask(address, '/api/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ link: new URL(unused).hash.slice('#login='.length) }),
  });
  assert.equal(exchange.status, 401);

  // The new one is as good as the old one was, the other token is as it was, and a run goes on.
  assert.equal(await status({ authorization: `Bearer ${after}` }), 200);
  assert.equal(await status({ authorization: `Bearer ${scrape}` }, '/metrics'), 200);
  const newer = await byPort(yard, after);
  t.after(() => newer.close());
  assert.equal((await newer.get(run)).state, 'running.live');
  const said = fs.readFileSync(path.join(yard.home, 'daemon.test.log'), 'utf8');
  const logs = fs.readdirSync(path.join(yard.home, 'logs')).map((name) => {
    return fs.readFileSync(path.join(yard.home, 'logs', name), 'utf8');
  });
  assert(![said, ...logs].some((text) => text.includes(after) || text.includes(before)));

  // It stays so for the next daemon.
  await yard.crash();
  await yard.up();
  assert.equal(tokenOf(yard), after);
  const later = await byPort(yard, after);
  t.after(() => later.close());
  await later.health();
  const late = await byPort(yard, before);
  t.after(() => late.close());
  await assert.rejects(late.health(), refused);
});

test('the scrape token goes alone, sessions can be kept, and a viewer may do neither', async () => {
  await using yard = await startYard();
  const address = await consoleOf(yard);
  const scrapeFile = path.join(yard.home, 'scrape.token');
  const [token, scrape] = [tokenOf(yard), fs.readFileSync(scrapeFile, 'utf8')];
  const session = await logIn(yard, true);
  const status = async (headers: Record<string, string>, place = '/api/runs') =>
    (await ask(address, place, { headers })).status;
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

  const viewer = await byPort(yard, session.secret);
  await assert.rejects(viewer.rotateToken(), { code: 'forbidden' });
  await assert.rejects(viewer.rotateToken({ scrape: true }), { code: 'forbidden' });
  viewer.close();
  assert.equal(tokenOf(yard), token);

  const env = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, RUNYARD_AUTOSTART: '' };
  const cli = (...args: string[]) => execa(runyard, ['token', 'rotate', ...args], { env });
  assert.equal((await cli('--scrape', '-m', 'yearly')).stdout, scrapeFile);
  const renewed = fs.readFileSync(scrapeFile, 'utf8');
  assert.notEqual(renewed, scrape);
  assert.equal(fs.statSync(scrapeFile).mode & 0o777, 0o600);
  assert.equal(await status(bearer(scrape), '/metrics'), 401);
  assert.equal(await status(bearer(renewed), '/metrics'), 200);
  assert.equal(await status(bearer(renewed)), 403);
  assert.equal(await status(bearer(token)), 200);
  assert.equal(await status({ cookie: session.cookie }), 200);

  const kept = JSON.parse((await cli('--keep-sessions', '--json')).stdout);
  assert.deepEqual(kept, { file: path.join(yard.home, 'token'), sessions_ended: 0 });
  assert.equal(await status(bearer(token)), 401);
  assert.equal(await status({ cookie: session.cookie }), 200);
});

test('a token that cannot be replaced stays good', async () => {
  await using yard = await startYard();
  const token = tokenOf(yard);
  const file = path.join(yard.home, 'token');
  // Even root replaces no directory by a file.
  fs.rmSync(file);
  fs.mkdirSync(file);
  await assert.rejects(yard.client.rotateToken(), { code: 'home_unusable' });
  const client = await byPort(yard, token);
  await client.health().finally(() => client.close());
  fs.rmdirSync(file);
  await yard.client.rotateToken();
  assert.notEqual(tokenOf(yard), token);
});
