/** The command line with a real daemon, without a terminal: what scripts and cron get. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

function cli(yard: Yard, more: Record<string, string> = {}, cwd = yard.home) {
  const env = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home, ...more };
  return async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await execa(runyard, args, {
      env,
      cwd,
      reject: false,
      stdin: 'ignore',
    });
    return { exitCode, stdout, stderr };
  };
}

const sh = (script: string): string[] => ['--', 'sh', '-c', script];

test('run, wait and --follow end with the trainer’s own code, 128+n for a signal', async () => {
  await using yard = await startYard();
  const ry = cli(yard);
  const run = await ry('run', ...sh('echo out; echo err >&2; exit 7'));
  assert.deepEqual([run.exitCode, run.stdout], [7, 'out']);
  assert.match(run.stderr, /^err$/m);
  assert.equal((await ry('submit', '--follow', ...sh('kill -USR1 $$'))).exitCode, 128 + 10);
  const id = (await ry('submit', '--name', 'seven', ...sh('exit 7'))).stdout;
  assert.match(id, /^[a-z2-7]{8}$/);
  for (const ref of [id, id.slice(0, 6), 'seven', '@last']) {
    assert.equal((await ry('wait', ref)).exitCode, 7, ref);
  }
  for (const command of ['logs', 'events', 'metrics']) {
    assert.equal((await ry(command, '-f', id)).exitCode, 7, command);
    assert.equal((await ry(command, id)).exitCode, 0, command);
  }
  const zero = (await ry('submit', ...sh('exit 0'))).stdout;
  assert.equal((await ry('wait', zero)).exitCode, 0);
  assert.equal((await ry('wait', zero, id)).exitCode, 1);
  assert.equal((await ry('wait', zero, zero)).exitCode, 0);
});

test('our own failures are told apart: 1 or 125, 2 for usage, 4 for a refusal', async () => {
  await using yard = await startYard();
  const ry = cli(yard);
  assert.equal((await ry('show', 'nothing')).exitCode, 1);
  assert.equal((await ry('wait', 'nothing')).exitCode, 125);
  assert.equal((await ry('wait')).exitCode, 2);
  assert.equal((await ry('submit', '--gpus', 'two', '--', 'true')).exitCode, 2);
  assert.equal((await ry('submit', '--', 'no-such-program')).exitCode, 4);
  assert.equal((await ry('run', '--', 'no-such-program')).exitCode, 4);
  assert.equal((await ry('run', '--cwd', '/nowhere', '--', '/bin/true')).exitCode, 4);
  const live = (await ry('submit', '--', 'sleep', '600')).stdout;
  assert.equal((await ry('wait', '--timeout', '0.1s', live)).exitCode, 125);
});

test('a key makes a submit repeatable, and names what it belongs to otherwise', async () => {
  await using yard = await startYard();
  const ry = cli(yard);
  const args = ['submit', '--key', 'nightly-1'];
  const first = await ry(...args, ...sh('exit 0'));
  const second = await ry(...args, ...sh('exit 0'));
  assert.equal(second.stdout, first.stdout);
  const other = await ry(...args, ...sh('exit 1'));
  assert.equal(other.exitCode, 4);
  assert.match(other.stderr, new RegExp(`belongs to run ${first.stdout}`));
});

test('what was given at submit is what the run is: words, environment, directory', async () => {
  await using yard = await startYard();
  const dir = path.join(yard.home, 'there');
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(yard.home, 'vars'), 'FROM_FILE=f\nBOTH=file\n');
  const ry = cli(yard, {
    FROM_SHELL: 's',
    SSH_TTY: '/dev/pts/9',
    RUNYARD_NATS_URL: 'nats://a:b@c',
  });
  const about = ['--name', 'dqn-s1', '--project', 'p', '--tag', 'a', '--tag', 'b', '--note', 'why'];
  const given = ['--env', 'BOTH=option', '--env-file', 'vars', '--cwd', 'there'];
  const script = 'echo "$FROM_SHELL $FROM_FILE $BOTH [$SSH_TTY$RUNYARD_NATS_URL] $PWD"';
  const run = await ry('run', ...about, ...given, ...sh(script));
  assert.equal(run.stdout, `s f option [] ${dir}`, run.stderr);
  const show = JSON.parse((await ry('show', 'dqn-s1', '--json')).stdout);
  const { name, project, tags, note, cwd } = show;
  assert.deepEqual([name, project, tags, note, cwd], ['dqn-s1', 'p', ['a', 'b'], 'why', dir]);
  const clean = await ry('run', '--clean-env', ...sh('echo "[$FROM_SHELL]"; pwd'));
  assert.equal(clean.stdout, `[]\n${yard.home}`);
  const isolated = await ry('run', '--isolate', ...sh('pwd'));
  assert.match(isolated.stdout, /\/attempts\/1\/work$/);
});

test('g:GROUP names the runs of a group', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '4' });
  const ry = cli(yard);
  const submit = ['submit', '--group', 'seeds'];
  const ids = [
    (await ry(...submit, ...sh('exit 0'))).stdout,
    (await ry(...submit, ...sh('exit 3'))).stdout,
  ];
  assert.equal((await ry('wait', 'g:seeds')).exitCode, 1);
  const listed = await ry('ls', '-a', 'g:seeds');
  const shown = listed.stdout.split('\n').map((line) => line.split('\t')[0]);
  assert.deepEqual(shown.toSorted(), ids.toSorted());
  const several = await ry('logs', 'g:seeds');
  assert.equal(several.exitCode, 1);
  assert.match(several.stderr, /several runs.*runyard ls -a g:seeds/);
  const one = (await ry('submit', '--group', 'one', '--', 'sleep', '600')).stdout;
  assert.match((await ry('show', 'g:one')).stdout, new RegExp(`^run\t${one}\t`, 'm'));
  const behind = await ry('submit', '--after', 'g:seeds:any', ...sh('exit 0'));
  assert.equal((await ry('wait', behind.stdout)).exitCode, 0, behind.stderr);
  assert.equal((await ry('stop', 'g:one', '-m', 'enough')).stdout, `${one}\tcancelled`);
  const gone = await ry('wait', 'g:nobody');
  assert.equal(gone.exitCode, 1);
  assert.match(gone.stderr, /no run is in the group "nobody"/);
});

test('a run is paused and goes on', async () => {
  await using yard = await startYard();
  const ry = cli(yard);
  const id = (await ry('submit', '--', 'sleep', '600')).stdout;
  await until(async () => (await yard.client.get(id)).state === 'running.live', 'the run to go');
  assert.match((await ry('pause', id, '-m', 'lunch')).stdout, new RegExp(`^${id}\trunning.paus`));
  const paused = await until(async () => {
    const run = await yard.client.get(id);
    return run.state.startsWith('running.paused') ? run : null;
  }, 'the run to be paused');
  assert.match(paused.why, /paused by .*: lunch/);
  assert.equal((await ry('resume', id)).exitCode, 0);
  await until(async () => (await yard.client.get(id)).state === 'running.live', 'it to go on');
  await ry('stop', '--now', id);
  assert.equal((await ry('pause', id)).exitCode, 1);
});

test('--json is one object a line on every command, and there is no colour and no glyph without it', async () => {
  await using yard = await startYard();
  const ry = cli(yard, { FORCE_COLOR: '1' });
  await ry('run', '--group', 'g', ...sh('echo "global_step=1, episodic_return=[9.]"; exit 3'));
  const commands = [
    ['submit', '--', 'true'],
    ['run', ...sh('echo x; exit 1')],
    ['ls', '-a'],
    ['show', '@last'],
    ['logs', '@last'],
    ['events', '@last'],
    ['metrics', '@last'],
    ['wait', '@last'],
    ['stop', '@last'],
    ['status'],
    ['doctor'],
    ['creds', 'export', '--reader', 'me'],
    ['creds', 'ls'],
    ['creds', 'revoke', 'me'],
    ['config', 'check'],
    ['config', 'show'],
    ['config', 'show', '--origin'],
    ['up'],
  ];
  for (const [name = '', ...rest] of commands) {
    const words = ['config', 'creds'].includes(name) ? [name, rest.shift() ?? ''] : [name];
    const { stdout } = await ry(...words, '--json', ...rest);
    for (const line of stdout.split('\n').filter((each) => each !== '')) {
      assert.equal(typeof JSON.parse(line), 'object', `${name}: ${line}`);
    }
    const plain = await ry(...words, ...rest);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
    assert.doesNotMatch(plain.stdout + plain.stderr, /\x1b/, name);
    if (['ls', 'show', 'status', 'events', 'config show'].includes(words.join(' '))) {
      assert.match(plain.stdout, /\t/, name);
      assert.doesNotMatch(plain.stdout, /[✓✗●○◐◑⊘]/u, name);
    }
  }
});

test('which code ran is kept with the run: commit, changes, interpreter and script', async () => {
  await using yard = await startYard();
  const repo = path.join(yard.home, 'repo');
  fs.mkdirSync(repo);
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: repo });
  await git('init', '-q');
  fs.writeFileSync(path.join(repo, 'train.sh'), 'echo one\n');
  await git('add', '.');
  await git('commit', '-qm', 'one');
  const { stdout: commit } = await git('rev-parse', 'HEAD');
  fs.writeFileSync(path.join(repo, 'train.sh'), 'echo two\n');
  const ry = cli(yard, {}, repo);
  assert.equal((await ry('run', '--', 'sh', 'train.sh')).stdout, 'two');
  const run = await yard.client.get('@last');
  const { config } = JSON.parse(fs.readFileSync(path.join(run.run_dir, 'config.json'), 'utf8'));
  assert.equal(config.code.commit, commit);
  assert.equal(config.code.dirty, true);
  assert.match(config.code.interpreter, /\/sh$/);
  assert.equal(config.code.script, path.join(repo, 'train.sh'));
  const { stdout: sum } = await execa('sha256sum', [path.join(repo, 'train.sh')]);
  assert.equal(config.code.script_sha256, sum.split(' ')[0]);
  const { stdout: diff } = await git('diff', 'HEAD');
  assert.equal(fs.readFileSync(path.join(run.run_dir, 'code.diff'), 'utf8').trim(), diff.trim());
  assert.match((await ry('show', '@last')).stdout, /^code\t[0-9a-f]{12}\+dirty \(code\.diff\) /m);
});

test('a chart shows where a run is and how it came there; without a run it takes no daemon', async () => {
  await using yard = await startYard();
  const ry = cli(yard);
  const failed = (await ry('submit', ...sh('exit 7'))).stdout;
  assert.equal((await ry('wait', failed)).exitCode, 7);
  const { stdout: svg } = await ry('chart', 'run', '--run', failed);
  assert.match(svg, /class="state final active" data-state="done.failed"/);
  assert.match(svg, /class="way taken" data-from="running.starting" data-to="running.live"/);
  assert.match(svg, /class="way faint" data-from="running.live" data-to="running.paused"/);
  const alone = cli(yard, { RUNYARD_HOME: path.join(yard.home, 'nowhere') });
  assert.match((await alone('chart', 'daemon')).stdout, /^<svg .*data-state="serving.ok"/s);
  assert.match((await alone('chart', 'worker', '--mermaid')).stdout, /^stateDiagram-v2\n/);
  assert.equal((await alone('chart', 'person')).exitCode, 2);
  assert.equal((await alone('chart', 'worker', '--run', failed)).exitCode, 2);
});
