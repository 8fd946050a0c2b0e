/** What a trainer sees of its start: exactly what a plain spawn would give, whoever launched. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { bootId, judge } from '../../src/rundir/index.ts';
import {
  eventually,
  fixture,
  outputOf,
  prepare,
  record,
  recorderPath,
  resultOf,
} from '../fixtures/trainers/recording.ts';

const python = ['python3', '-I', '-S'];
const signalLines = (status: string) => status.match(/^Sig(Blk|Ign|Cgt):.*$/gm);

async function describe(t: TestContext, overrides: Record<string, unknown> = {}) {
  const { stdout } = await record(t, {
    argv: [...python, fixture('describe.py')],
    ...overrides,
  });
  return JSON.parse(stdout);
}

/** The recorder started by a launcher that hands down all it can; resolves when it ended. */
async function launchRoughly(t: TestContext, argv: string[]) {
  const attempt = prepare(t, { argv });
  await execa('python3', [fixture('rough-launcher.py'), recorderPath(), attempt.dir]);
  return resultOf(attempt.dir);
}

test('a trainer has stdin, stdout and stderr and no other descriptor', async (t) => {
  const { descriptors, nonblocking, stdin } = await describe(t);
  assert.deepEqual(Object.keys(descriptors).sort(), ['0', '1', '2']);
  assert.equal(descriptors[0], '/dev/null');
  assert.match(descriptors[1], /^pipe:/);
  assert.match(descriptors[2], /^pipe:/);
  assert.notEqual(descriptors[1], descriptors[2]);
  assert.deepEqual(nonblocking, [false, false]);
  assert.equal(stdin, 0);
});

test('descriptors that a launcher leaked do not reach the trainer', async (t) => {
  const { stdout } = await launchRoughly(t, [...python, fixture('describe.py')]);
  assert.deepEqual(Object.keys(JSON.parse(stdout).descriptors).sort(), ['0', '1', '2']);
});

test('GPU locks are inherited behind the standard descriptors', async (t) => {
  const { descriptors } = await describe(t, { gpu_locks: ['../gpu0', '../gpu1'] });
  assert.deepEqual(Object.keys(descriptors).sort(), ['0', '1', '2', '3', '4']);
  assert.match(descriptors[3], /gpu0$/);
  assert.match(descriptors[4], /gpu1$/);
});

test('signal dispositions and mask are those of a plain spawn', async (t) => {
  const plain = await execa('cat', ['/proc/self/status']);
  const { stdout } = await record(t, { argv: ['cat', '/proc/self/status'] });
  assert.equal(signalLines(stdout)?.length, 3);
  assert.deepEqual(signalLines(stdout), signalLines(plain.stdout));
});

test('signals that a launcher ignored or blocked are as new for the trainer', async (t) => {
  const plain = await execa('cat', ['/proc/self/status']);
  const { stdout } = await launchRoughly(t, ['cat', '/proc/self/status']);
  assert.deepEqual(signalLines(stdout), signalLines(plain.stdout));
});

test('the limit of open files is the one that the recorder was given', async (t) => {
  const { stdout } = await launchRoughly(t, [...python, fixture('describe.py')]);
  assert.deepEqual(JSON.parse(stdout).nofile, [777, 2000]);
});

test('the environment is env_file less env_unset with env on top, byte for byte', async (t) => {
  const envFile = Buffer.concat([
    Buffer.from('A.B=with a dot\0EMPTY=\0CUDA_VISIBLE_DEVICES=0\0BASH_FUNC_f%%=() { :; }\0'),
    Buffer.from('NEWLINE=a\nb\0REPLACED=old\0PATH=/usr/bin:/bin\0BYTES='),
    Buffer.from([0xff, 0xfe, 0x01, 0x00]),
  ]);
  const { stdout } = await record(t, {
    argv: ['cat', '/proc/self/environ'],
    envFile,
    env_unset: ['CUDA_VISIBLE_DEVICES', 'NOT_THERE'],
    env: { REPLACED: 'new', ADDED: '=ü=' },
  });
  assert.deepEqual(Buffer.from(stdout, 'latin1').toString('latin1').split('\0'), [
    'A.B=with a dot',
    'EMPTY=',
    'BASH_FUNC_f%%=() { :; }',
    'NEWLINE=a\nb',
    'PATH=/usr/bin:/bin',
    'BYTES=\xff\xfe\x01',
    Buffer.from('ADDED==ü=').toString('latin1'),
    'REPLACED=new',
    '',
  ]);
});

test("a trainer's PATH, LD_PRELOAD and GODEBUG do not reach the recorder", async (t) => {
  const attempt = prepare(t, {
    argv: ['tool'],
    env: { PATH: 'bin:/nowhere', LD_PRELOAD: '/nowhere/evil.so', GODEBUG: 'inittrace=1' },
  });
  fs.mkdirSync(path.join(attempt.cwd, 'bin'));
  const tool = path.join(attempt.cwd, 'bin', 'tool');
  const script = '#!/bin/sh\nread -r parent </proc/$PPID/environ; echo "[$parent]"\n';
  fs.writeFileSync(tool, script, { mode: 0o755 });
  const { code, stderr } = await attempt.run();
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const result = resultOf(attempt.dir);
  assert.equal(result.exit.code, 0);
  assert.equal(result.stdout, '[]\n');
});

test('argv arrives as it is: empty words, spaces, line breaks, odd characters', async (t) => {
  const words = ['', ' two  words ', 'line\nbreak', 'ünï ✓', '\u0001\u007f"\'\\$(id)', '-', '*'];
  const argv = ['sh', '-c', 'cat /proc/$$/cmdline; true', ...words];
  const { stdout } = await record(t, { argv });
  const seen = Buffer.from(stdout, 'latin1').toString('utf8').split('\0').slice(0, -1);
  assert.deepEqual(seen, argv);
});

test('working directory and umask are the ones asked for', async (t) => {
  const attempt = prepare(t, { argv: ['sh', '-c', 'pwd -P; umask; : >made'], umask: 0o027 });
  assert.equal((await attempt.run()).code, 0);
  const where = fs.realpathSync(attempt.cwd);
  assert.equal(resultOf(attempt.dir).stdout, `${where}\n0027\n`);
  assert.equal(fs.statSync(path.join(attempt.cwd, 'made')).mode & 0o777, 0o640);
  for (const name of ['claim', 'start', 'exit', 'out.000001']) {
    assert.equal(fs.statSync(path.join(attempt.dir, name)).mode & 0o777, 0o600, name);
  }
});

test('a trainer leads a session and a group of its own', async (t) => {
  const { pid, group, session } = await describe(t);
  assert.equal(group, pid);
  assert.equal(session, pid);
});

test('the OOM score is the trainer’s from its first instruction, and not the recorder’s', async (t) => {
  const own = fs.readFileSync('/proc/self/oom_score_adj', 'utf8');
  // The recorder takes its own back right after the fork.
  const script = `i=0
    while [ $i -lt 5000 ] && [ "$(cat /proc/$PPID/oom_score_adj)" = 777 ]; do i=$((i+1)); done
    cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj`;
  const { stdout } = await record(t, { argv: ['sh', '-c', script], oom_score_adj: 777 });
  assert.equal(stdout, `777\n${own}`);
});

test('a control group that cannot be made is noted, and the trainer runs without', async (t) => {
  const attempt = prepare(t, { argv: ['true'], cgroup: '/proc/no-such-place/group' });
  assert.equal((await attempt.run()).code, 0);
  assert.equal(resultOf(attempt.dir).exit.code, 0);
  const log = fs.readFileSync(path.join(attempt.dir, 'recorder.log'), 'utf8');
  assert.match(log, /not in the control group/);
});

test('a trainer begins inside its control group', async (t) => {
  const parent = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((dir) =>
    fs.existsSync(path.join(dir, 'cgroup.procs')),
  );
  const group = path.join(parent ?? '/', `runyard-test-${process.pid}`);
  try {
    if (parent === undefined) throw new Error('no cgroup v2');
    fs.mkdirSync(group);
  } catch (error) {
    t.skip(String(error));
    return;
  }
  t.after(() => fs.rmdirSync(group));
  const { stdout } = await record(t, { argv: ['cat', '/proc/self/cgroup'], cgroup: group });
  assert.match(stdout, new RegExp(`^0::/${path.basename(group)}$`, 'm'));
});

test('a recorder leads a session of its own and adopts the orphans of its trainer', async (t) => {
  const script = 'cut -d" " -f1,6 /proc/$PPID/stat; sh -c "sleep 600 & echo \\$!"; exec sleep 600';
  const attempt = prepare(t, { argv: ['sh', '-c', script] });
  const recorder = attempt.spawn();
  const lines = await eventually('two lines', () => {
    const seen = outputOf(attempt.dir).stdout.split('\n');
    return seen.length > 2 ? seen : null;
  });
  const [ids = '', orphan = ''] = lines;
  assert.equal(ids, `${recorder.pid} ${recorder.pid}`);
  const stat = () => fs.readFileSync(`/proc/${orphan}/stat`, 'latin1').split(' ');
  try {
    await eventually('the orphan to be adopted', () => stat()[3] === String(recorder.pid));
  } finally {
    process.kill(Number(orphan), 'SIGKILL');
  }
  // Reaped: a zombie would still have an entry.
  await eventually('the orphan to be reaped', () => !fs.existsSync(`/proc/${orphan}`));
  const verdict = judge(attempt.dir);
  assert.ok(verdict.kind === 'started' && verdict.trainer !== null);
  process.kill(-verdict.trainer.pid, 'SIGKILL');
  assert.equal((await recorder).exitCode, 0);
});

test('boot id and start times identify recorder and trainer', async (t) => {
  const attempt = prepare(t, { argv: ['true'] });
  await attempt.run();
  const claim = JSON.parse(fs.readFileSync(path.join(attempt.dir, 'claim'), 'utf8'));
  assert.equal(claim.boot_id, bootId());
  assert.match(claim.start_time, /^\d+$/);
  const [first, second] = fs
    .readFileSync(path.join(attempt.dir, 'start'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(first.boot_id, bootId());
  assert.equal(first.recorder_pid, claim.pid);
  assert.match(second.start_time, /^\d+$/);
});
