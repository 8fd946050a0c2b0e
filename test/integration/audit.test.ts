/** Who asked a real daemon for what, by each way there is, and what came of it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { type AuditEntry, readAudit } from '../../src/audit/index.ts';
import { connect } from '../../src/client/index.ts';
import { removeTree } from '../remove-tree.ts';
import { ask, consoleOf, json, logIn, tokenOf } from './http-fixture.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');
const me = os.userInfo().username;

async function linesOf(home: string): Promise<AuditEntry[]> {
  return Array.fromAsync(readAudit(home));
}

/** Once they are in the file: nobody waited for that. */
async function untilLines(yard: Yard, count: number): Promise<AuditEntry[]> {
  return until(async () => {
    const lines = await linesOf(yard.home);
    return lines.length >= count ? lines : null;
  }, `${count} lines`);
}

const secrets = ['hunter2-in-the-environment', 'hunter2-in-an-argument'];

test('each call that changes something is a line: by the socket, by the token, in the console, and refused', async () => {
  await using yard = await startYard();
  const { home } = yard;
  await untilLines(yard, 1);
  const { tcp } = await yard.client.health();
  const address = await consoleOf(yard);

  // By the socket.
  const { run_id: run } = await yard.client.submit(
    { command: ['sleep', '600', secrets[1]], cwd: home },
    { env: { PATH: process.env.PATH ?? '', API_KEY: secrets[0] }, user: 'ana' },
  );
  await yard.client.stop(run, { reason: 'wrong lr', user: 'ana', now: true });
  await assert.rejects(yard.client.stop('nosuchrun', { reason: 'typo' }), {
    code: 'run_not_found',
  });
  // Reading leaves nothing.
  await yard.client.get(run);
  await yard.client.events(run).return(undefined);

  // By the token, and with a wrong one.
  const token = tokenOf(yard);
  const byToken = await connect({ address: tcp, token });
  await byToken.pin(run, true);
  await byToken.setDrain({ on: true, reason: 'node goes down', user: 'ben' });
  await byToken.setDrain({ on: false, user: 'ben' });
  byToken.close();
  const stranger = await connect({ address: tcp, token: 'wrong' });
  await assert.rejects(stranger.shutdown(), { code: 'unauthenticated' });
  await assert.rejects(stranger.health(), { code: 'unauthenticated' });
  stranger.close();

  // In the console: an operator, a viewer who tries, and one from elsewhere.
  const login = await logIn(yard);
  const viewer = await logIn(yard, true);
  const post = (place: string, by: { cookie: string; csrf: string }, body: object) => {
    const { headers, body: text } = json(body);
    const own = { cookie: by.cookie, 'x-runyard-csrf': by.csrf };
    return ask(address, place, {
      method: 'POST',
      headers: { ...headers, ...own },
      body: text,
    });
  };
  assert.equal((await post(`/api/runs/${run}/pin`, login, { pinned: false })).status, 200);
  assert.equal((await post(`/api/runs/${run}/stop`, viewer, { reason: 'mine' })).status, 403);
  assert.equal((await post('/api/runs/nosuchrun/hold', login, { reason: 'x' })).status, 404);
  const submitted = await post('/api/runs', login, {
    config: { command: ['true', secrets[1]], cwd: home },
  });
  const { run_id: second } = JSON.parse(submitted.text) as { run_id: string };
  const rebound = await ask(address, '/api/runs', { headers: { host: 'evil.example' } });
  assert.equal(rebound.status, 403);

  await yard.client.rotateToken({ reason: 'yearly' });
  const lines = await untilLines(yard, 19);
  const rows = lines.map(({ what, via, by, role, user, outcome }) =>
    [what, via, by, role, user, outcome].join(' '),
  );
  assert.deepEqual(rows, [
    'DaemonStarted daemon none   ok',
    `SubmitRun grpc socket operator ana ok`,
    `StopRun grpc socket operator ana ok`,
    `StopRun grpc socket operator ${me} run_not_found`,
    `PinRun grpc header operator ${me} ok`,
    'SetDrain grpc header operator ben ok',
    'SetDrain grpc header operator ben ok',
    `Shutdown grpc header   unauthenticated`,
    `GetHealth grpc header   unauthenticated`,
    `OpenConsole grpc socket operator ${me} ok`,
    'OpenSession http none operator  ok',
    `OpenConsole grpc socket operator ${me} ok`,
    'OpenSession http none viewer  ok',
    'PinRun http cookie operator  ok',
    'StopRun http cookie viewer  forbidden',
    `HoldRun http cookie operator ${me} run_not_found`,
    `SubmitRun http cookie operator ${me} ok`,
    'GET /api/runs http none   forbidden',
    `RotateToken grpc socket operator ${me} ok`,
  ]);
  const [, submit, stop, failed, , drain] = lines;
  assert.deepEqual([submit?.runs, submit?.count, submit?.about], [[run], 1, { program: 'sleep' }]);
  assert.deepEqual([stop?.runs, stop?.why, stop?.about], [[run], 'wrong lr', { now: true }]);
  assert.deepEqual([failed?.runs, failed?.why], [['nosuchrun'], 'typo']);
  assert.deepEqual(drain?.about, { target: 'yard', on: true });
  assert.equal(drain?.why, 'node goes down');
  for (const { via, by, from } of lines.slice(1)) {
    assert.match(from, by === 'socket' ? /^unix$/ : /^127\.0\.0\.1:\d+$/, via);
  }
  assert.deepEqual(lines[16]?.runs, [second]);

  const text = fs.readFileSync(path.join(home, 'audit.jsonl'), 'utf8');
  const hidden = [...secrets, token, tokenOf(yard), login.secret, login.csrf, viewer.secret];
  for (const secret of hidden) assert(!text.includes(secret), secret);
  assert.equal(fs.statSync(path.join(home, 'audit.jsonl')).mode & 0o777, 0o600);

  // Many in one call: one line.
  const many = Array.from({ length: 200 }, () => ({ config: { command: ['true'], cwd: home } }));
  await yard.client.setDrain({ on: true });
  const handles = await Array.fromAsync(yard.client.submitMany(many, { user: 'ana' }));
  const told = (await untilLines(yard, 21)).at(-1);
  assert.deepEqual(
    [told?.what, told?.count, told?.user, told?.outcome],
    ['SubmitRuns', 200, 'ana', 'ok'],
  );
  assert.deepEqual(
    told?.runs,
    handles.slice(0, 8).map(({ run_id }) => run_id),
  );
  assert(Buffer.byteLength(JSON.stringify(told)) < 1000);

  // For people, and followed while it grows.
  const env = { RUNYARD_HOME: home, XDG_CONFIG_HOME: home, RUNYARD_AUTOSTART: '' };
  const cli = async (...args: string[]) =>
    (await execa(runyard, ['audit', ...args], { env })).stdout;
  const ofRun = (await cli('--run', run.slice(0, 6))).split('\n');
  assert.equal(ofRun.length, 5);
  assert.match(ofRun[1] ?? '', /\tana\tgrpc unix\tStopRun\t\w+\tok\tnow=true wrong lr$/);
  assert.equal((await cli('--who', 'ben')).split('\n').length, 2);
  assert.equal((await cli('--who', 'ben', '--since', '1h')).split('\n').length, 2);
  assert.equal(await cli('--who', 'ben', '--since', '2126-01-01'), '');
  assert.equal(JSON.parse((await cli('--json', '--who', 'ben')).split('\n')[0] ?? '').v, 1);
  const following = execa(runyard, ['audit', '-f', '--who', 'zoe', '--json'], {
    env,
    reject: false,
    buffer: false,
  });
  let heard = '';
  following.stdout.on('data', (data: Buffer) => {
    heard += data;
  });
  await yard.client
    .stopGroup('nosuchgroup', { user: 'zoe' })
    .next()
    .catch(() => undefined);
  await until(() => heard.endsWith('\n'), 'the line to be heard');
  const line = JSON.parse(heard) as AuditEntry;
  assert.deepEqual([line.what, line.about.group], ['StopGroup', 'nosuchgroup']);
  following.kill('SIGINT');
  assert.equal((await following).exitCode, 130);
});

test('the end of the daemon is the last line; a backup has the log, and who made it is in it', async (t) => {
  const kept = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-audit-'));
  t.after(() => removeTree(kept));
  await using yard = await startYard();
  const env = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, RUNYARD_AUTOSTART: '' };
  const before = await untilLines(yard, 1);
  assert.deepEqual(
    before.map(({ what }) => what),
    ['DaemonStarted'],
  );
  await yard.client.shutdown({ keepBus: true });
  await until(() => !fs.existsSync(`/proc/${yard.daemonPid()}`), 'the daemon to end');
  const after = await linesOf(yard.home);
  assert.deepEqual(
    after.map(({ what, outcome }) => `${what} ${outcome}`),
    ['DaemonStarted ok', 'Shutdown ok', 'DaemonStopped ok'],
  );
  assert.equal(after[1]?.about.keep_bus, true);

  // Without a daemon.
  const copy = path.join(kept, 'copy');
  await execa(runyard, ['backup', copy], { env });
  await execa(runyard, ['backup', copy], { env, reject: false });
  const said = (await execa(runyard, ['audit', '--json'], { env })).stdout.split('\n');
  assert.deepEqual(
    said.slice(3).map((text) => {
      const { what, via, user, outcome } = JSON.parse(text) as AuditEntry;
      return [what, via, user, outcome];
    }),
    [
      ['Backup', 'cli', me, 'ok'],
      ['Backup', 'cli', me, 'backup_exists'],
    ],
  );
  const restored = path.join(kept, 'restored');
  await execa(runyard, ['restore', copy], { env: { ...env, RUNYARD_HOME: restored } });
  assert.deepEqual(
    (await linesOf(restored)).map(({ what }) => what),
    ['DaemonStarted', 'Shutdown', 'DaemonStopped', 'Restore'],
  );
  assert.equal(fs.statSync(path.join(restored, 'audit.jsonl')).mode & 0o777, 0o600);
});

test('a log that cannot be written stops no call, and health says so', async () => {
  await using yard = await startYard();
  const file = path.join(yard.home, 'audit.jsonl');
  await untilLines(yard, 1);
  fs.renameSync(file, `${file}.aside`);
  fs.symlinkSync('/dev/full', file);
  await yard.client.setDrain({ on: true, reason: 'while it is full' });
  await yard.client.setDrain({ on: false });
  const reason = await until(async () => {
    const { reasons } = await yard.client.health();
    return reasons.find(({ part }) => part === 'audit');
  }, 'the reason');
  assert.match(reason.text, /ENOSPC.*lines? wait/);
  fs.rmSync(file);
  await until(async () => (await yard.client.health()).reasons.length === 0, 'the log to heal');
  const lines = await linesOf(yard.home);
  assert.deepEqual(
    lines.map(({ what, about }) => [what, about.on]),
    [
      ['SetDrain', true],
      ['SetDrain', false],
    ],
  );
});
