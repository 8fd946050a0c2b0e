/** How a trainer ended, as the recorder writes it down. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { isAlive, judge, readDrained, readExit } from '../../src/rundir/index.ts';
import {
  type Attempt,
  eventually,
  outputOf,
  prepare,
  record,
  resultOf,
} from '../fixtures/trainers/recording.ts';

const shell = (script: string) => ['sh', '-c', script];

async function endOf(t: TestContext, overrides: Parameters<typeof record>[1]) {
  const { exit, drained } = await record(t, overrides);
  assert.equal(drained.eof, true);
  return exit;
}

/** The trainer's identity, once it is known. */
function trainerOf(attempt: Attempt) {
  return eventually('the trainer to be known', () => {
    const verdict = judge(attempt.dir);
    return verdict.kind === 'started' ? verdict.trainer : null;
  });
}

test('exit 143 and death by SIGTERM are told apart', async (t) => {
  const exited = await endOf(t, { argv: shell('exit 143') });
  assert.deepEqual([exited.kind, exited.code, exited.signal], ['exited', 143, undefined]);
  const killed = await endOf(t, { argv: shell('kill -TERM $$') });
  assert.deepEqual([killed.kind, killed.code, killed.signal], ['signaled', undefined, 'SIGTERM']);
  assert.equal(killed.core, false);
});

test('the core flag is what the kernel says', async (t) => {
  const script = (limit: string) => `ulimit -c ${limit} && kill -SEGV $$`;
  const none = await endOf(t, { argv: shell(script('0')) });
  assert.deepEqual([none.signal, none.core], ['SIGSEGV', false]);
  // Whether a core is written depends on the machine: ask another parent.
  const ask = `import os, subprocess, sys, tempfile
os.chdir(tempfile.mkdtemp(dir=sys.argv[2]))
print(os.WCOREDUMP(os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", sys.argv[1]], os.environ), 0)[1]))`;
  const attempt = prepare(t, { argv: shell(script('unlimited')) });
  const plain = await execa('python3', ['-c', ask, script('unlimited'), attempt.cwd]);
  await attempt.run();
  const { exit } = resultOf(attempt.dir);
  assert.deepEqual([exit.signal, exit.core], ['SIGSEGV', plain.stdout === 'True']);
});

test('real-time signals have a name', async (t) => {
  const { signal } = await endOf(t, { argv: shell('kill -35 $$') });
  assert.equal(signal, 'SIGRTMIN+1');
});

test('times and resource usage are those of the trainer', async (t) => {
  const burn = 'import time\nwhile time.process_time() < 0.15: pass';
  const exit = await endOf(t, { argv: ['python3', '-I', '-S', '-c', burn] });
  const { user_ms, system_ms, max_rss_kib } = exit.rusage ?? assert.fail('no rusage');
  assert.ok(user_ms + system_ms >= 149, String(user_ms + system_ms));
  assert.ok(max_rss_kib > 4000);
  assert.ok((exit.wall_ms ?? 0) >= 149);
  assert.match(exit.started_at ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.ok((exit.started_at ?? '') < (exit.ended_at ?? ''));
});

test('a program that cannot be executed ends as noexec with the reason', async (t) => {
  const attempt = prepare(t, { argv: ['unused'] });
  const make = (name: string, content: string, mode: number): string => {
    const file = path.join(attempt.cwd, name);
    fs.writeFileSync(file, content, { mode });
    return file;
  };
  const cases: [argv0: string, errno: string][] = [
    ['no-such-program', 'ENOENT'],
    ['./no-such-program', 'ENOENT'],
    ['', 'ENOENT'],
    [make('not-executable', '#!/bin/sh\n', 0o644), 'EACCES'],
    [attempt.cwd, 'EACCES'],
    [make('no-format', 'echo hello\n', 0o755), 'ENOEXEC'],
    [make('no-interpreter', '#!/no/such/interpreter\n', 0o755), 'ENOENT'],
    [path.join(attempt.cwd, 'no-format', 'below'), 'ENOTDIR'],
  ];
  for (const [argv0, errno] of cases) {
    const exit = await endOf(t, { argv: [argv0] });
    assert.deepEqual([exit.kind, exit.errno], ['noexec', errno], argv0);
    assert.equal(exit.rusage, undefined);
  }
  const { message } = await endOf(t, { argv: [path.join(attempt.cwd, 'no-interpreter')] });
  assert.match(message ?? '', /interpreter/);
});

test('a program in PATH that may not be executed hides behind a later one, else it is EACCES', async (t) => {
  const attempt = prepare(t, { argv: ['tool'], env: { PATH: 'first:second' } });
  for (const [folder, mode] of [
    ['first', 0o644],
    ['second', 0o755],
  ] as const) {
    fs.mkdirSync(path.join(attempt.cwd, folder));
    fs.writeFileSync(path.join(attempt.cwd, folder, 'tool'), `#!/bin/sh\necho ${folder}\n`, {
      mode,
    });
  }
  await attempt.run();
  assert.equal(resultOf(attempt.dir).stdout, 'second\n');
  const exit = await endOf(t, { argv: ['tool'], cwd: attempt.cwd, env: { PATH: 'first' } });
  assert.deepEqual([exit.kind, exit.errno], ['noexec', 'EACCES']);
});

test('what is missing around the program ends as notstarted, without a start', async (t) => {
  const cases: [overrides: Record<string, unknown>, errno: string][] = [
    [{ cwd: '/no/such/directory' }, 'ENOENT'],
    [{ cwd: '/etc/passwd' }, 'ENOTDIR'],
    [{ env_file: 'no-such-file' }, 'ENOENT'],
    [{ gpu_locks: ['/no/such/directory/gpu0'] }, 'ENOENT'],
  ];
  for (const [overrides, errno] of cases) {
    const attempt = prepare(t, { argv: ['true'], ...overrides });
    assert.equal((await attempt.run()).code, 0);
    const { exit } = resultOf(attempt.dir);
    assert.deepEqual([exit.kind, exit.errno], ['notstarted', errno]);
    assert.equal(fs.existsSync(path.join(attempt.dir, 'start')), false);
  }
});

test('a GPU lock is held while any process of the trainer lives, and refused meanwhile', async (t) => {
  const holder = prepare(t, {
    argv: shell('sleep 600 >/dev/null 2>&1 & echo $!'),
    gpu_locks: ['gpu0'],
    drain_grace_ms: 0,
  });
  await holder.run();
  const descendant = Number(resultOf(holder.dir).stdout);
  const lock = path.join(holder.dir, 'gpu0');
  try {
    const exit = await endOf(t, { argv: ['true'], gpu_locks: [lock] });
    assert.deepEqual([exit.kind, exit.errno], ['notstarted', 'EWOULDBLOCK']);
  } finally {
    process.kill(descendant, 'SIGKILL');
  }
  await eventually('the descendant to be gone', () => !fs.existsSync(`/proc/${descendant}`));
  assert.equal((await endOf(t, { argv: ['true'], gpu_locks: [lock] })).kind, 'exited');
});

test('signals that end other processes do not end a recorder', async (t) => {
  const attempt = prepare(t, { argv: shell('exec sleep 600') });
  const recorder = attempt.spawn();
  const trainer = await trainerOf(attempt);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGPIPE'] as const) {
    process.kill(recorder.pid ?? 0, signal);
  }
  process.kill(trainer.pid, 'SIGINT');
  assert.equal((await recorder).exitCode, 0);
  assert.equal(readExit(attempt.dir)?.signal, 'SIGINT');
});

test('the exit is written while descendants still hold the pipes', async (t) => {
  const attempt = prepare(t, {
    argv: shell('sleep 600 & echo $!; exit 7'),
    drain_grace_ms: 600_000,
  });
  const recorder = attempt.spawn();
  const exit = await eventually('the exit', () => readExit(attempt.dir));
  assert.equal(exit.code, 7);
  assert.equal(readDrained(attempt.dir), null);
  process.kill(Number(outputOf(attempt.dir).stdout), 'SIGKILL');
  assert.equal((await recorder).exitCode, 0);
  assert.equal(readDrained(attempt.dir)?.eof, true);
});

test('output of descendants within the grace is recorded', async (t) => {
  const attempt = prepare(t, { argv: shell('(read x <go; echo late) & echo early') });
  await execa('mkfifo', [path.join(attempt.cwd, 'go')]);
  const recorder = attempt.spawn();
  await eventually('the exit', () => readExit(attempt.dir));
  fs.writeFileSync(path.join(attempt.cwd, 'go'), 'now\n');
  await recorder;
  assert.equal(resultOf(attempt.dir).stdout, 'early\nlate\n');
});

test('after the grace the recorder ends, although descendants hold the pipes', async (t) => {
  const attempt = prepare(t, { argv: shell('sleep 600 & echo $!'), drain_grace_ms: 50 });
  assert.equal((await attempt.run()).code, 0);
  const { drained, stdout } = resultOf(attempt.dir);
  process.kill(Number(stdout), 'SIGKILL');
  assert.equal(drained.eof, false);
  assert.equal(drained.stdout.bytes, stdout.length);
});

test('a trainer that closes its output early is still waited for', async (t) => {
  const attempt = prepare(t, { argv: shell('exec >&- 2>&-; read x <go; exit 3') });
  await execa('mkfifo', [path.join(attempt.cwd, 'go')]);
  const recorder = attempt.spawn();
  const trainer = await trainerOf(attempt);
  assert.equal(isAlive(trainer), true);
  fs.writeFileSync(path.join(attempt.cwd, 'go'), 'now\n');
  await recorder;
  assert.equal(resultOf(attempt.dir).exit.code, 3);
});
