/** `-H host` and `ssh host runyard`: another machine's daemon, through a real sshd on loopback. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { type Sshd, startSshd } from '../fixtures/sshd.ts';
import { startYard, until, type Yard } from './yard.ts';

const bin = path.resolve(import.meta.dirname, '../../bin');
const runyard = path.join(bin, 'runyard');
const env = { PATH: process.env.PATH ?? '' };

/** What a login on the other machine finds: a PATH with or without runyard, a state directory. */
function session(home: string, withRunyard = true): Record<string, string> {
  const dirs = ['/usr/local/bin', '/usr/bin', '/bin'];
  return {
    PATH: [...(withRunyard ? [bin] : []), ...dirs].join(':'),
    RUNYARD_HOME: home,
    HOME: home,
  };
}

async function sshd(
  t: TestContext,
  ...how: Parameters<typeof startSshd>
): Promise<(Sshd & { skipped: false }) | { skipped: true }> {
  const found = await startSshd(...how);
  if ('missing' in found) {
    t.skip(found.missing);
    return { skipped: true };
  }
  t.after(() => found[Symbol.asyncDispose]());
  return { ...found, skipped: false };
}

/** The command line here, whose own state directory is empty. */
function here({ ssh }: Sshd) {
  const options = {
    env: { RUNYARD_SSH: ssh, RUNYARD_HOME: path.join(os.tmpdir(), 'nothing-here') },
    reject: false,
    stdin: 'ignore',
  } as const;
  return async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await execa(runyard, ['-H', 'ws1', ...args], options);
    return { exitCode, stdout, stderr };
  };
}

async function finishedRun(yard: Yard, exitCode: number): Promise<string> {
  const command = ['sh', '-c', `echo far; exit ${exitCode}`];
  const { run_id: run } = await yard.client.submit({ command, cwd: yard.home }, { env });
  await yard.client.wait(run);
  return run;
}

/** Sockets' directories of ours that are left in the place of temporary files. */
const left = (): string[] => fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('ry-'));

test('-H asks the daemon of the other machine, passes its codes on, and leaves no tunnel', async (t) => {
  await using yard = await startYard();
  const server = await sshd(t, session(yard.home));
  if (server.skipped) return;
  const ask = here(server);
  const run = await finishedRun(yard, 7);
  const listed = await ask('ls', '-a');
  assert.equal(listed.stdout.split('\t')[0], run, listed.stderr);
  assert.equal((await ask('wait', run)).exitCode, 7);
  assert.deepEqual((await ask('logs', run)).stdout, 'far');
  const status = await ask('status', '--json');
  assert.equal(JSON.parse(status.stdout).home, yard.home);
  await until(() => server.connections().length === 0, 'the connections to end');
  assert.deepEqual(left(), []);
});

test('a run is submitted and followed through the tunnel, killed -9 it leaves no connection', async (t) => {
  await using yard = await startYard();
  const server = await sshd(t, session(yard.home));
  if (server.skipped) return;
  const where = ['--cwd', yard.home];
  const run = await here(server)('run', ...where, '--', 'sh', '-c', 'echo there; exit 3');
  assert.deepEqual([run.exitCode, run.stdout], [3, 'there'], run.stderr);
  const child = execa(runyard, ['-H', 'ws1', 'run', ...where, '--', 'sleep', '600'], {
    env: { RUNYARD_SSH: server.ssh },
    reject: false,
    stdin: 'ignore',
  });
  await until(async () => (await yard.client.health()).runs_live === 1, 'the run to be live');
  child.kill('SIGKILL');
  await child;
  await until(() => server.connections().length === 0, 'the connections to end');
  for (const name of left()) fs.rmSync(path.join(os.tmpdir(), name), { recursive: true });
});

test('a lost tunnel is made again while a run is followed', async (t) => {
  await using yard = await startYard();
  const server = await sshd(t, session(yard.home));
  if (server.skipped) return;
  await execa('mkfifo', [path.join(yard.home, 'go')]);
  const script = 'echo one; read x < go; echo two; exit 5';
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', script], cwd: yard.home },
    { env },
  );
  const child = execa(runyard, ['-H', 'ws1', 'logs', '-f', run], {
    env: { RUNYARD_SSH: server.ssh },
    reject: false,
    stdin: 'ignore',
  });
  let seen = '';
  child.stdout.on('data', (data) => {
    seen += data;
  });
  await until(() => seen === 'one\n', 'the first line');
  const before = server.connections();
  for (const pid of before) process.kill(pid, 'SIGTERM');
  await until(
    () => server.connections().some((pid) => !before.includes(pid)),
    'another connection',
  );
  fs.writeFileSync(path.join(yard.home, 'go'), 'x\n');
  await child;
  assert.equal(seen, 'one\ntwo\n');
});

test('where runyard is not on the PATH of the other machine, the address file is read', async (t) => {
  await using yard = await startYard();
  const server = await sshd(t, session(yard.home, false));
  if (server.skipped) return;
  const status = await here(server)('status', '--json');
  assert.equal(JSON.parse(status.stdout).home, yard.home);
  const down = await here(server)('down', '--json');
  assert.equal(JSON.parse(down.stdout).was_up, true);
  // The address file is still there, and nobody behind it.
  const gone = await here(server)('ls');
  assert.equal(gone.exitCode, 3);
  assert.match(gone.stderr, /^runyard: no daemon answers at ws1:.*; start one: ssh ws1 runyard up/);
  await yard.up();
});

test('without a daemon there it ends with 3 and says what was tried', async (t) => {
  const home = path.join(os.tmpdir(), 'no-home-there');
  for (const [withRunyard, tried] of [
    [true, /because: no daemon runs for .*no-home-there/],
    [false, /because: tried: runyard status \(no runyard on PATH\), then .*daemon\.json/],
  ] as const) {
    const server = await sshd(t, session(home, withRunyard));
    if (server.skipped) return;
    const { exitCode, stderr } = await here(server)('ls');
    assert.equal(exitCode, 3, stderr);
    assert.match(stderr, tried);
    // No daemon is started here for a question that was for there.
    const submit = await here(server)('submit', '--', 'true');
    assert.equal(submit.exitCode, 3);
  }
});

test('a host that cannot be reached, or carries no sockets, is told in the words of ssh', async (t) => {
  await using yard = await startYard();
  const server = await sshd(t, session(yard.home), ['AllowStreamLocalForwarding no']);
  if (server.skipped) return;
  const refused = await here(server)('ls');
  assert.equal(refused.exitCode, 1);
  assert.match(refused.stderr, /ws1 cannot be asked: .*AllowStreamLocalForwarding/);
  const nowhere = await execa(runyard, ['-H', 'no-such-host.invalid', 'ls', '--json'], {
    env: { RUNYARD_SSH: server.ssh },
    reject: false,
  });
  assert.equal(nowhere.exitCode, 1);
  assert.equal(JSON.parse(nowhere.stderr).error.code, 'host_unreachable');
});

test('commands about this machine refuse -H and name the way', async () => {
  const { exitCode, stderr } = await execa(runyard, ['-H', 'ws1', 'up'], { reject: false });
  assert.equal(exitCode, 2);
  assert.match(stderr, /ssh ws1 runyard up/);
});

test('ssh host runyard works in a shell without login and terminal', async (t) => {
  await using yard = await startYard();
  const server = await sshd(t, session(yard.home));
  if (server.skipped) return;
  const run = await finishedRun(yard, 0);
  const [program = '', ...args] = server.ssh.split(' ');
  const listed = await execa(program, [...args, 'ws1', 'runyard ls -a'], { stdin: 'ignore' });
  const [id, , , status] = listed.stdout.split('\t');
  assert.deepEqual([id, status], [run, 'completed']);
  const submitted = await execa(program, [...args, 'ws1', 'runyard submit --cwd / -- true'], {
    stdin: 'ignore',
  });
  assert.match(submitted.stdout, /^[a-z2-7]{8}$/);
});
