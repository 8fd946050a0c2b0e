import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compose } from '../../src/cli/compose.ts';
import { parseEnvFile, runEnvironment } from '../../src/cli/environment.ts';
import { exitCodeOfError, exitCodeOfRun } from '../../src/cli/exit-codes.ts';
import { errorLines } from '../../src/cli/failure.ts';
import { duration, endLine, table } from '../../src/cli/render.ts';
import { parseSeconds } from '../../src/cli/spans.ts';
import type { RunSummary } from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';

const plain = (_: string, text: string): string => text;

function run(changes: Partial<RunSummary>): RunSummary {
  const empty = {
    status: 'completed',
    exit_code: 0,
    exit_signal: '',
    exited: true,
    failure_reason: null,
    why: '',
    last_metric: '',
    submitted_at: '2026-01-01T00:00:00.000Z',
    started_at: '2026-01-01T00:00:10.000Z',
    finished_at: '2026-01-01T00:00:51.000Z',
  };
  return { ...empty, ...changes } as RunSummary;
}

function composed(flags: Parameters<typeof compose>[0]['flags'], words: string[]) {
  const shell = { PATH: '/bin', TERM: 'xterm', SSH_TTY: '/dev/pts/1', CUDA_VISIBLE_DEVICES: '3' };
  return compose({ flags, words, shell, cwd: '/home/me', umask: 0o022 });
}

test('a command line becomes a configuration with the directory and umask of the shell', async () => {
  const { config } = await composed({ gpus: '1', tag: ['a', 'b'], timeLimit: '2h' }, [
    'python',
    'x',
  ]);
  assert.deepEqual(config, {
    umask: '022',
    command: ['python', 'x'],
    tags: ['a', 'b'],
    gpus: 1,
    time_limit_s: 7200,
    cwd: '/home/me',
  });
});

test('the environment of a run has neither the terminal nor the GPUs of the shell', async () => {
  const { env } = await composed({ env: ['SEED=1=2'] }, ['true']);
  assert.deepEqual(env, { PATH: '/bin', SEED: '1=2' });
});

test('a clean environment holds what was given and nothing else', () => {
  const env = runEnvironment({
    shell: { PATH: '/bin' },
    cwd: '/',
    assignments: ['A=1'],
    files: [],
    clean: true,
  });
  assert.deepEqual(env, { A: '1' });
});

test('two submits from one shell have the same environment though the shell counts them', () => {
  const from = (shell: Record<string, string>) =>
    runEnvironment({ shell, cwd: '/', assignments: [], files: [], clean: false });
  assert.deepEqual(from({ A: '1', _: '/bin/a', SHLVL: '1' }), from({ A: '1', _: 'b', SHLVL: '2' }));
});

test('a submit without a command is a usage error that shows how', async () => {
  await assert.rejects(composed({}, []), (error: RunyardError) => {
    assert.equal(exitCodeOfError(error, false), 2);
    assert.match(errorLines(error, plain).join('\n'), /runyard submit -- python train\.py/);
    return true;
  });
});

test('an environment file may have comments, export and quotes', () => {
  const text = '# c\nexport A=1\nB="x y"\n\nC=\'$A\'\n';
  assert.deepEqual(parseEnvFile(text, 'f'), { A: '1', B: 'x y', C: '$A' });
});

test('lengths of time are read as people write them', () => {
  assert.equal(parseSeconds('90', '--grace'), 90);
  assert.equal(parseSeconds('1h30m', '--grace'), 5400);
  assert.throws(() => parseSeconds('soon', '--grace'), /not how this command is used/);
});

test('the exit code of a followed run is the one of its trainer, 128+n for a signal', () => {
  assert.equal(exitCodeOfRun(run({})), 0);
  assert.equal(exitCodeOfRun(run({ status: 'failed', exit_code: 3 })), 3);
  assert.equal(exitCodeOfRun(run({ status: 'cancelled', exit_signal: 'SIGTERM' })), 143);
  assert.equal(exitCodeOfRun(run({ status: 'failed', exit_signal: 'SIGKILL' })), 137);
});

test('a followed run without a trainer of its own to speak for it ends as 125, a rejected one as 4', () => {
  assert.equal(exitCodeOfRun(run({ status: 'lost', exited: false })), 125);
  assert.equal(exitCodeOfRun(run({ status: 'cancelled', exited: false })), 125);
  assert.equal(exitCodeOfRun(run({ status: 'failed', exit_code: 0 })), 125);
  assert.equal(exitCodeOfRun(run({ status: 'rejected', exited: false })), 4);
});

test('our own failures are told from a refusal and from a daemon that is not there', () => {
  const code = (name: ConstructorParameters<typeof RunyardError>[0], passing = false) =>
    exitCodeOfError(new RunyardError(name, ''), passing);
  assert.equal(code('daemon_not_running'), 3);
  assert.equal(code('config_invalid'), 4);
  assert.equal(code('internal'), 1);
  assert.equal(code('internal', true), 125);
});

test('an error is one line, and one for each rule that was broken, with the way out', () => {
  const violations = [{ field: '/gpus', rule: 'must be integer', hint: 'leave out the quotes' }];
  const error = new RunyardError('config_invalid', 'it is not valid', { violations });
  assert.deepEqual(errorLines(error, plain), [
    'runyard: it is not valid',
    '  /gpus  must be integer — leave out the quotes',
  ]);
});

test('durations are short, whatever their size', () => {
  const texts = [12, 2300, 41_000, 150_000, 720_000, 11_100_000, 187_200_000].map(duration);
  assert.deepEqual(texts, ['12 ms', '2.3 s', '41 s', '2m30', '12m', '3h05', '2d4h']);
});

test('the end of a run is told in one line with a glyph', () => {
  assert.equal(
    endLine(run({ last_metric: 'return 187' }), plain, 0),
    '✓ completed  41 s · exit 0 · return 187',
  );
});

test('columns line up though some cells are coloured', () => {
  const lines = table([
    ['\x1b[31mab\x1b[39m', 'x'],
    ['c', 'y'],
  ]);
  assert.deepEqual(lines, ['\x1b[31mab\x1b[39m  x', 'c   y']);
});

test('a row of a table is one line, whatever is in its cells', () => {
  const rows = table([
    ['a', 'python3 -c import math\nprint(1)', 'x'],
    ['bb', 'sleep\t1', 'y'],
  ]);
  assert.equal(rows[0], 'a   python3 -c import math print(1)  x');
  assert.match(rows[1] ?? '', /^bb {2}sleep 1 +y$/);
  assert.equal(rows[0]?.length, rows[1]?.length);
});
