/** Credentials of readers by the daemon and the command line: made, used, listed, ended, kept over every death. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { execa } from 'execa';
import type { ReaderCredential } from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';
import { startLabServer } from '../fixtures/nats-server.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

const cli = (yard: Yard, ...args: string[]) =>
  execa(runyard, args, {
    env: { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home },
    reject: false,
    stdin: 'ignore',
  });

type Login = Pick<ReaderCredential, 'url' | 'user' | 'password'>;

const join = ({ url, user, password }: Login): Promise<NatsConnection> =>
  connect({ servers: url, user, pass: password, reconnect: false });

const isRefused = async (login: Login): Promise<boolean> => {
  for (;;) {
    try {
      await (await join(login)).close();
      return false;
    } catch (error) {
      // The server closes right after its refusal, which may then not be read any more.
      if (/EPIPE|ECONNRESET/.test(String(error))) continue;
      assert.match(String(error), /Authorization/);
      return true;
    }
  }
};

/** Events of a run as a reader gets them. */
async function read(nc: NatsConnection, run: string, last: string): Promise<string[]> {
  const consumer = await jetstream(nc, { checkAPI: false }).consumers.get('TEST_EVENTS', {
    filter_subjects: `test.runs.${run}.events`,
  });
  const seen: string[] = [];
  for await (const message of await consumer.consume()) {
    const { event, to } = message.json<{ event: string; to: string }>();
    seen.push(event);
    if (to.startsWith(last)) break;
  }
  return seen;
}

const failsWith = (code: string) => (error: unknown) =>
  error instanceof RunyardError && error.code === code;

async function finishedRun(yard: Yard): Promise<string> {
  const { run_id: run } = await yard.client.submit(
    { command: ['true'], cwd: yard.home },
    { env: { PATH: process.env.PATH } },
  );
  await yard.client.wait(run);
  return run;
}

test('a credential is exported in three formats, read with, listed and revoked', async () => {
  await using yard = await startYard();
  const [mine, other] = [await finishedRun(yard), await finishedRun(yard)];
  const env = await cli(yard, 'creds', 'export', '--reader', 'shell');
  assert.equal(env.exitCode, 0, env.stderr);
  const { stdout } = await execa('sh', [
    '-c',
    `${env.stdout}\nprintf '%s\\n' "$NATS_URL" "$NATS_USER" "$NATS_PASSWORD" "$RUNYARD_YARD"`,
  ]);
  const [url = '', user = '', password = '', name] = stdout.split('\n');
  assert.deepEqual([user, name], ['shell', 'test']);
  const shell = await join({ url, user, password });
  const seen = await read(shell, other, 'done.');
  assert.equal(seen[0], 'run.submit');

  const narrow = await cli(
    yard,
    ...['creds', 'export', '--reader', 'narrow', '--run', mine, '--expires', '1h', '--json'],
  );
  const made = JSON.parse(narrow.stdout) as ReaderCredential;
  assert.match(narrow.stderr, /until the next one starts/);
  assert.deepEqual(made.reader.runs, [mine]);
  assert.equal(made.streams.metrics, 'TEST_METRICS');
  const nc = await join(made);
  assert.equal((await read(nc, mine, 'done.'))[0], 'run.submit');
  await assert.rejects(read(nc, other, 'done.'), /Permissions/);

  const context = await cli(
    yard,
    ...['creds', 'export', '--reader', 'nats', '--format', 'nats-context'],
  );
  const written = JSON.parse(context.stdout) as Login & { description: string };
  assert.deepEqual(Object.keys(written), ['description', 'url', 'user', 'password']);
  assert.equal(await isRefused(written), false);

  // At rest there is no password, and what there is is private.
  const bus = path.join(yard.home, 'bus');
  for (const file of fs.readdirSync(bus).filter((at) => fs.statSync(path.join(bus, at)).isFile())) {
    const text = fs.readFileSync(path.join(bus, file), 'utf8');
    for (const secret of [password, made.password, written.password])
      assert.ok(!text.includes(secret), file);
    assert.equal(fs.statSync(path.join(bus, file)).mode & 0o077, 0, file);
  }

  const listed = await cli(yard, 'creds', 'ls', '--json');
  const readers = listed.stdout.split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(
    readers.map((reader) => [reader.name, reader.runs, reader.expires_at !== '']),
    [
      ['shell', [], false],
      ['narrow', [mine], true],
      ['nats', [], false],
    ],
  );
  const revoked = await cli(yard, 'creds', 'revoke', 'shell', 'narrow');
  assert.equal(revoked.stdout, 'shell\nnarrow');
  await Promise.all([shell.closed(), nc.closed()]);
  assert.equal(await isRefused(made), true);
  assert.equal((await cli(yard, 'creds', 'ls')).stdout.split('\t')[0], 'nats');
});

/** A reader whose time is not over when `act` is done, however slow this machine is just now. */
async function timed(yard: Yard, act: (nc: NatsConnection) => Promise<unknown>) {
  for (let expiresS = 2; ; expiresS *= 2) {
    const made = await yard.client.exportReader(`in-${expiresS}-s`, { expiresS });
    const endsMs = Date.parse(made.reader.expires_at);
    const nc = await join(made).catch(() => null);
    if (nc !== null) await act(nc).catch(() => undefined);
    if (nc !== null && Date.now() < endsMs) return { made, nc, endsMs };
    await nc?.close();
    if (!fs.existsSync(`/proc/${yard.daemonPid()}`)) await yard.up();
  }
}

test('a credential that ends cuts off who reads with it, also when its time came while no daemon was there', async () => {
  await using yard = await startYard();
  const run = await finishedRun(yard);
  const soon = await timed(yard, (nc) => read(nc, run, 'done.'));
  await soon.nc.closed();
  assert.ok(Date.now() >= soon.endsMs);
  assert.equal(await isRefused(soon.made), true);
  for await (const { name } of yard.client.readers()) assert.fail(name);

  // With no daemon nobody ends it: the bus goes on, and so does who reads.
  const stays = await yard.client.exportReader('stays', { expiresS: 3600 });
  const staysNc = await join(stays);
  const late = await timed(yard, () => yard.crash());
  const leftMs = late.endsMs - Date.now();
  await until(() => Date.now() > late.endsMs, 'its time to be over', leftMs + 20_000);
  assert.equal(late.nc.isClosed(), false);
  await yard.up();
  await late.nc.closed();
  assert.equal(await isRefused(late.made), true);
  assert.equal((await read(staysNc, run, 'done.'))[0], 'run.submit');
  await staysNc.close();
});

test('a daemon that dies right after a revocation was stored leaves it to the next one', async () => {
  const points = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'runyard-points-'));
  try {
    await using yard = await startYard({ RUNYARD_FAILPOINTS: points });
    await until(async () => (await yard.client.health()).bus_connected, 'the bus');
    const given = await yard.client.exportReader('given');
    const nc = await join(given);
    fs.writeFileSync(path.join(points, 'readers.kept'), '');
    await assert.rejects(yard.client.revokeReader('given'), failsWith('daemon_not_running'));
    assert.equal(nc.isClosed(), false);
    await yard.up();
    await nc.closed();
    assert.equal(await isRefused(given), true);
    await assert.rejects(yard.client.revokeReader('given'), failsWith('reader_not_found'));
  } finally {
    fs.rmSync(points, { recursive: true, force: true });
  }
});

test('a reader is refused with the reason: its name, its time, its run, a second of its name', async () => {
  await using yard = await startYard();
  const refuses = (code: string, ...args: Parameters<Yard['client']['exportReader']>) =>
    assert.rejects(yard.client.exportReader(...args), failsWith(code), JSON.stringify(args));
  for (const name of ['', 'A', '-a', 'a b', 'ä', 'a'.repeat(33), 'daemon', 'worker', 'system'])
    await refuses('usage', name);
  await refuses('usage', 'a', { expiresS: -1 });
  await refuses('usage', 'a', { expiresS: Number.NaN });
  await refuses('run_not_found', 'a', { runs: ['nothing'] });
  await yard.client.exportReader('a');
  await refuses('reader_exists', 'a');
  const unknown = await cli(yard, 'creds', 'revoke', 'nobody', '--json');
  assert.equal(unknown.exitCode, 1);
  assert.equal(JSON.parse(unknown.stderr).error.code, 'reader_not_found');
  assert.equal((await cli(yard, 'creds', 'export')).exitCode, 2);
});

test('on a server of the user’s own nobody is let in or out, and the refusal says who does that', async () => {
  await using lab = await startLabServer('');
  await using yard = await startYard({ RUNYARD_NATS_URL: `nats://127.0.0.1:${lab.port}` });
  for (const args of [['ls'], ['revoke', 'a'], ['export', '--reader', 'a']]) {
    const { exitCode, stderr } = await cli(yard, 'creds', ...args, '--json');
    assert.equal(exitCode, 1);
    const { code, message } = JSON.parse(stderr).error;
    assert.equal(code, 'bus_external');
    assert.match(message, /docs\/subscribe\.md/);
  }
});
