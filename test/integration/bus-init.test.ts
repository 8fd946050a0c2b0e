/** `runyard bus init` and `bus check`: what is printed is what is done, and nothing is replaced. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { findNatsServer } from '../../src/transport/nats/index.ts';
import { startLabServer } from '../fixtures/nats-server.ts';
import { makeOperator } from '../fixtures/operator.ts';
import { removeTree } from '../remove-tree.ts';

const root = path.resolve(import.meta.dirname, '../..');
const runyard = path.join(root, 'bin/runyard');

function place() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'rybi-'));
  const ry = (args: readonly string[], extra: Record<string, string> = {}) =>
    execa(runyard, args, {
      cwd: home,
      env: { RUNYARD_HOME: path.join(home, 'state'), XDG_CONFIG_HOME: home, ...extra },
      reject: false,
    });
  return {
    home,
    ry,
    settings(values: Record<string, unknown>): void {
      fs.mkdirSync(path.join(home, 'runyard'), { recursive: true });
      fs.writeFileSync(path.join(home, 'runyard/config.yaml'), JSON.stringify(values));
    },
    [Symbol.dispose]: () => removeTree(home),
  };
}

const servers = ['--server', 'n1', 'n2', 'n3', '--yard', 'ws1', 'ws2', '--store', '/data/nats'];

test('a cluster is described, set up when told to, and never set up over another one', async () => {
  using here = place();
  const told = await here.ry(['bus', 'init', ...servers]);
  assert.equal(told.exitCode, 0, told.stderr);
  assert.match(told.stderr, /nothing was done/);
  for (const line of [
    /^operator runyard$/m,
    /^account STREAMS: JetStream without limits/m,
    /^account WORKERS_ws1: no JetStream, .*a signing key$/m,
    /^ {2}exports service ws2\.runs\.\*\.metrics$/m,
    /^ {2}imports stream ws1\.runs\.\*\.beat of WORKERS_ws1$/m,
    /^user daemon-ws2 in STREAMS: everything$/m,
    /^file .*\/runyard-bus\/operator\.seed 0600: /m,
    /^file .*\/runyard-bus\/server-3\.conf 0600: nats-server on n3$/m,
    /^ {4}sync_interval: always$/m,
    /^ {6}"nats:\/\/route:<password>@n2:6222"$/m,
  ])
    assert.match(told.stdout, line);
  const dir = path.join(here.home, 'runyard-bus');
  assert.equal(fs.existsSync(dir), false);

  const { stdout } = await here.ry(['bus', 'init', '--json', ...servers]);
  const { files } = JSON.parse(stdout) as { files: { path: string; mode: number }[] };
  const done = await here.ry(['bus', 'init', '--yes', ...servers]);
  assert.equal(done.exitCode, 0, done.stderr);
  assert.match(done.stdout, /^ {2}bus_replicas: 3$/m);
  assert.match(done.stdout, /RUNYARD_NATS_URL=nats:\/\/n1:4222,nats:\/\/n2:4222,nats:\/\/n3:4222/);
  assert.equal(fs.statSync(dir).mode & 0o777, 0o700);
  assert.deepEqual(
    fs.readdirSync(dir).sort(),
    files.map((each) => path.basename(each.path)).sort(),
  );
  for (const each of files) assert.equal(fs.statSync(each.path).mode & 0o777, each.mode, each.path);
  // No seed in what goes to the servers, or was printed.
  const open = ['accounts.conf', 'server-1.conf'].map((name) =>
    fs.readFileSync(path.join(dir, name), 'utf8'),
  );
  assert.doesNotMatch(open.join('') + done.stdout, /\bS[AOU][A-Z2-7]{56}\b/);

  // A real server takes what was written, with the names of this machine.
  const server = fs.readFileSync(path.join(dir, 'server-1.conf'), 'utf8');
  const local = server.replaceAll(/\bn([123]):/g, '127.0.0.$1:').replace('/data/nats', here.home);
  fs.writeFileSync(path.join(dir, 'local.conf'), local);
  const binary = await findNatsServer({
    home: here.home,
    checkout: root,
    env: process.env,
    progress: () => undefined,
  });
  const tried = await execa(binary, ['-t', '-c', path.join(dir, 'local.conf')], { reject: false });
  assert.match(tried.stderr, /configuration file .* is valid/);

  const before = fs.readFileSync(path.join(dir, 'operator.seed'), 'utf8');
  const again = await here.ry(['bus', 'init', '--yes', ...servers]);
  assert.equal(again.exitCode, 2);
  assert.match(again.stderr, /--dir.*none is replaced/);
  assert.equal(fs.readFileSync(path.join(dir, 'operator.seed'), 'utf8'), before);
});

test('streams are made on a server that is there, and the check tells what is missing before and after', async () => {
  using operator = await makeOperator(['ws1']);
  await using lab = await startLabServer(operator.config('s1'));
  using here = place();
  here.settings({ ...operator.settings('ws1'), bus_limit_mib: 64 });
  const env = { RUNYARD_NATS_URL: `nats://127.0.0.1:${lab.port}`, RUNYARD_YARD: 'ws1' };
  const check = async () => {
    const { stdout, exitCode } = await here.ry(['bus', 'check', '--json'], env);
    const { findings } = JSON.parse(stdout) as {
      findings: { part: string; state: string; text: string }[];
    };
    return {
      exitCode,
      lines: findings.map(({ part, state, text }) => `${state} ${part}: ${text}`),
    };
  };
  const early = await check();
  assert.equal(early.exitCode, 0);
  assert.ok(
    early.lines.includes('warn stream WS1_EVENTS: is not there yet'),
    early.lines.join('\n'),
  );

  const url = ['--url', env.RUNYARD_NATS_URL];
  const told = await here.ry(['bus', 'init', ...url], env);
  assert.match(told.stdout, /^stream WS1_METRICS: is made, 1 replicas$/m);
  assert.ok((await check()).lines.includes('warn stream WS1_EVENTS: is not there yet'));
  const done = await here.ry(['bus', 'init', '--yes', ...url], env);
  assert.equal(done.exitCode, 0, done.stderr);
  const late = await check();
  assert.equal(late.exitCode, 0);
  for (const line of [
    'ok stream WS1_EVENTS: 1 replicas, 1 up to date',
    'ok workers: signed credentials reach their streams alone',
  ])
    assert.ok(late.lines.includes(line), late.lines.join('\n'));

  here.settings({ ...operator.settings('ws1'), bus_replicas: 3 });
  const more = await check();
  assert.ok(
    more.lines.includes('warn stream WS1_LOGS: 1 replicas, 1 up to date; bus_replicas is 3'),
    more.lines.join('\n'),
  );
});

test('the check tells a bus that is away, an account without JetStream, a signing key of another account', async () => {
  using operator = await makeOperator(['ws1']);
  using others = await makeOperator(['ws1']);
  await using lab = await startLabServer(operator.config('s1'));
  using here = place();
  const env = { RUNYARD_NATS_URL: `nats://127.0.0.1:${lab.port}`, RUNYARD_YARD: 'ws1' };
  const { bus_creds } = operator.settings('ws1');
  here.settings({ ...others.settings('ws1'), bus_creds });
  const foreign = await here.ry(['bus', 'check'], env);
  assert.equal(foreign.exitCode, 1);
  assert.match(foreign.stdout, /workers\tcredentials that are signed here are refused/);
  here.settings({ bus_creds: operator.file('reader.creds') });
  const reader = await here.ry(['bus', 'check'], env);
  assert.equal(reader.exitCode, 1);
  const away = await here.ry(['bus', 'check'], {
    RUNYARD_NATS_URL: 'nats://ana:s3cret@127.0.0.1:1',
  });
  assert.equal(away.exitCode, 1);
  assert.match(away.stdout, /bus\tnats:\/\/127\.0\.0\.1:1: /);
  assert.doesNotMatch(away.stdout + away.stderr, /s3cret/);
});
