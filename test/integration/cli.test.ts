import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

/** Runs the command line with a home of its own, without a terminal. */
function cli(t: TestContext, program = runyard) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-cli-'));
  t.after(() => fs.rmSync(home, { recursive: true }));
  const env = {
    RUNYARD_HOME: path.join(home, 'state'),
    XDG_CONFIG_HOME: home,
    RUNYARD_AUTOSTART: '',
  };
  return async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await execa(program, args, {
      env,
      reject: false,
      stdin: 'ignore',
    });
    return { exitCode, stdout, stderr };
  };
}

test('without a daemon and a terminal, commands end with 3 and one line that says how to start one', async (t) => {
  const run = cli(t);
  for (const args of [
    ['submit', '--', 'true'],
    ['run', '--', 'true'],
    ['ls'],
    ['status'],
    ['wait', 'x'],
  ]) {
    const { exitCode, stdout, stderr } = await run(...args);
    assert.deepEqual([exitCode, stdout], [3, ''], args.join(' '));
    assert.match(stderr, /^runyard: [^\n]*runyard up$/);
  }
});

test('wrong usage ends with 2, and an unknown command is answered with the one that was meant', async (t) => {
  const run = cli(t);
  assert.equal((await run('submit')).exitCode, 2);
  assert.equal((await run('ls', '--nonsense')).exitCode, 2);
  const { exitCode, stderr } = await run('sumbit');
  assert.equal(exitCode, 2);
  assert.match(stderr, /Did you mean submit/);
});

test('with --json an error is JSON too', async (t) => {
  const { stderr } = await cli(t)('ls', '--json');
  assert.equal(JSON.parse(stderr).error.code, 'daemon_not_running');
});

test('the help of every command has examples', async (t) => {
  const run = cli(t);
  const { stdout } = await run('--help');
  const names = [...stdout.matchAll(/^ {2}([a-z]+) .*(?:\[options\])/gm)].map(
    ([, name = '']) => name,
  );
  assert(names.length >= 15);
  for (const name of names.filter((each) => each !== 'config')) {
    assert.match((await run(name, '--help')).stdout, /Examples:\n {2}\$ /, name);
  }
});

test('down without a daemon says so and succeeds', async (t) => {
  const { exitCode, stdout } = await cli(t)('down');
  assert.deepEqual([exitCode, stdout], [0, 'already down']);
});

test('doctor works without a daemon', async (t) => {
  const { stdout } = await cli(t)('doctor', '--json');
  const { findings } = JSON.parse(stdout) as { findings: { part: string; text: string }[] };
  assert.equal(findings.find(({ part }) => part === 'daemon')?.text, 'not running');
});

test('completion scripts are there for three shells, and bash accepts its own', async (t) => {
  const run = cli(t);
  for (const shell of ['zsh', 'fish'])
    assert.match((await run('completion', shell)).stdout, /submit/);
  const { stdout } = await run('completion', 'bash');
  await execa('bash', ['-n'], { input: stdout });
  assert.equal((await run('completion', 'csh')).exitCode, 2);
});

test('the command works through a symbolic link', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-link-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  fs.symlinkSync(runyard, path.join(dir, 'ry'));
  const { exitCode, stdout } = await cli(t, path.join(dir, 'ry'))('--version');
  assert.equal(exitCode, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+$/);
});
