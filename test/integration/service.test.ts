/** The daemon as a service: what it tells a real datagram socket, and a unit that systemd's own checker passes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { takeServiceVariables } from '../../src/daemon/service-variables.ts';
import { removeTree } from '../remove-tree.ts';
import { startYard, until } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

/** A service manager that hears. */
async function manager(t: TestContext, address: string): Promise<string[]> {
  const script = path.resolve(import.meta.dirname, '../fixtures/notify-socket.py');
  const child = execa('python3', [script, address], { buffer: false, reject: false });
  t.after(async () => {
    child.kill('SIGKILL');
    await child;
  });
  const heard: string[] = [];
  readline
    .createInterface({ input: child.stdout })
    .on('line', (line) => heard.push((JSON.parse(line) as string).trim()));
  await until(() => heard.includes('listening'), 'the manager to listen');
  return heard;
}

for (const kind of ['a file', 'an abstract name']) {
  test(`the manager hears at ${kind} that the daemon is ready, lives and ends; trainers cannot speak in its name`, async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-sd-'));
    t.after(() => removeTree(dir));
    const address = kind === 'a file' ? path.join(dir, 'n') : `@${path.basename(dir)}`;
    const heard = await manager(t, address);
    {
      await using yard = await startYard({ NOTIFY_SOCKET: address, WATCHDOG_USEC: '600000' });
      await until(() => heard.includes('READY=1'), 'READY');
      assert.equal(heard.indexOf('READY=1'), heard.lastIndexOf('READY=1'));
      assert.match(heard.find((each) => each.startsWith('STATUS=')) ?? '', /^STATUS=(ok|degraded)/);
      const pings = (): number => heard.filter((each) => each === 'WATCHDOG=1').length;
      await until(() => pings() >= 3, 'signs of life');
      // Its mouth is gone; it gets another one.
      const { stdout } = await execa('pgrep', [
        '-P',
        String(yard.daemonPid()),
        '-f',
        'recorder --notify',
      ]);
      process.kill(Number(stdout.trim()), 'SIGKILL');
      const before = pings();
      await until(() => pings() > before + 1, 'further signs of life');
      const file = path.join(dir, 'env');
      const { run_id: run } = await yard.client.submit(
        { command: ['sh', '-c', `env > ${file}`], cwd: dir },
        { env: { PATH: process.env.PATH ?? '' } },
      );
      await yard.client.wait(run);
      assert.doesNotMatch(fs.readFileSync(file, 'utf8'), /NOTIFY_SOCKET|WATCHDOG/);
      const worker = await execa('pgrep', ['-P', String(yard.daemonPid())]);
      for (const pid of worker.stdout.split('\n')) {
        const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        const env = fs.readFileSync(`/proc/${pid}/environ`, 'utf8');
        if (!command.includes('--notify')) assert.doesNotMatch(env, /NOTIFY_SOCKET/, command);
      }
      assert.equal(heard.includes('STOPPING=1'), false);
    }
    await until(() => heard.includes('STOPPING=1'), 'STOPPING');
  });
}

test('a daemon that stands still is silent: a manager begins it anew', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-sd-'));
  t.after(() => removeTree(dir));
  const heard = await manager(t, path.join(dir, 'n'));
  await using yard = await startYard({
    NOTIFY_SOCKET: path.join(dir, 'n'),
    WATCHDOG_USEC: '300000',
  });
  await until(() => heard.includes('WATCHDOG=1'), 'a sign of life');
  process.kill(yard.daemonPid(), 'SIGSTOP');
  try {
    // What was under way has come once nothing more comes for longer than three pings take.
    let before = -1;
    await until(async () => {
      if (heard.length === before) return true;
      before = heard.length;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return false;
    }, 'silence');
  } finally {
    process.kill(yard.daemonPid(), 'SIGCONT');
  }
  const then = heard.length;
  await until(() => heard.length > then, 'signs of life after it');
});

test('a watchdog of another process is not ours; no manager, nothing taken', () => {
  const env = { NOTIFY_SOCKET: '/n', WATCHDOG_USEC: '1000', WATCHDOG_PID: '1', PATH: '/bin' };
  assert.deepEqual(takeServiceVariables(env), { socket: '/n', watchdogMs: null });
  assert.deepEqual(env, { PATH: '/bin' });
  assert.equal(takeServiceVariables({}), null);
});

for (const args of [[], ['--system', '--user', 'root']]) {
  test(`service install ${args.join(' ')} prints what it would do, and systemd passes the unit`, async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-unit-'));
    t.after(() => removeTree(dir));
    const home = path.join(dir, 'a home of 100% "quotes"');
    const env = { RUNYARD_HOME: home, XDG_CONFIG_HOME: dir, WANDB_API_KEY: 'secret-of-the-shell' };
    const shown = await execa(runyard, ['service', 'install', '--dry-run', '--json', ...args], {
      env,
    });
    const { steps } = JSON.parse(shown.stdout) as {
      steps: { kind: string; file?: string; text?: string; command?: string[] }[];
    };
    assert.equal(fs.existsSync(home), false, 'nothing is done');
    const unit = steps.find(({ kind }) => kind === 'write');
    const text = unit?.text ?? '';
    for (const line of ['Type=notify', 'KillMode=process', 'OOMPolicy=continue', 'Delegate=yes'])
      assert.match(text, new RegExp(`^${line}$`, 'm'));
    assert.doesNotMatch(text, /secret-of-the-shell/);
    assert.match(text, /^WatchdogSec=\d+$/m);
    const commands = steps.flatMap(({ command }) =>
      command === undefined ? [] : [command.join(' ')],
    );
    assert.ok(commands.some((each) => /^systemctl (--user )?enable runyard\.service$/.test(each)));
    const people = await execa(runyard, ['service', 'install', '--dry-run', ...args], { env });
    assert.match(people.stdout, /^write .*runyard\.service$/m);

    const file = path.join(dir, 'runyard.service');
    fs.writeFileSync(file, text);
    const scope = args.length === 0 ? ['--user'] : [];
    const checked = await execa('systemd-analyze', [...scope, '--man=no', 'verify', file], {
      env: { XDG_RUNTIME_DIR: dir },
      reject: false,
    });
    if (checked.code === 'ENOENT') return t.skip('systemd-analyze is not here');
    assert.equal(checked.exitCode, 0, checked.stderr);
    assert.doesNotMatch(checked.stderr, /runyard\.service:\d+/, 'no line is complained of');
  });
}
