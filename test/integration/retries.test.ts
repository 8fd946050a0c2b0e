/** Attempts that follow on failed ones: by real trainers that keep journals of their own. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { attemptDir } from '../../src/rundir/index.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const bin = path.resolve(import.meta.dirname, '../../bin/runyard');

type Config = Parameters<Yard['client']['submit']>[0];
const submit = async (yard: Yard, config: object): Promise<string> =>
  (await yard.client.submit({ cwd: yard.home, ...config } as Config, { env })).run_id;
const inState = (yard: Yard, run: string, wanted: RegExp) =>
  until(async () => {
    const found = await yard.client.get(run);
    return wanted.test(found.state) ? found : null;
  }, `${run} to be ${wanted}`);
const journalOf = (file: string): string[] =>
  fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n') : [];
/** Journals its attempt, and ends with the code that stands in the n-th place; a `wait` waits for a file first. */
const trainer = (journal: string, ...ends: string[]): string[] => {
  const cases = ends.map((end, index) => {
    const [code, gate] = end.split('@');
    const wait = gate === undefined ? '' : `until test -e ${gate}; do sleep 0.05; done;`;
    return `${index + 1}) ${wait} exit ${code};;`;
  });
  const script = `echo "$RUNYARD_ATTEMPT" >> "$0"; echo "out $RUNYARD_ATTEMPT"; case $RUNYARD_ATTEMPT in ${cases.join(' ')} esac`;
  return ['sh', '-c', script, journal];
};

test('a run that fails is tried again as its policy says, and each attempt is told', async () => {
  await using yard = await startYard();
  const journal = path.join(yard.home, 'journal');
  const retry = { max: 3, backoff_s: 0.05 };
  const run = await submit(yard, { command: trainer(journal, '3', '4', '0'), retry });
  const done = await yard.client.wait(run);
  assert.equal(done.status, 'completed');
  assert.equal(done.attempt, 3);
  assert.deepEqual(journalOf(journal), ['1', '2', '3']);
  const events = await yard.events(run);
  const ends = events.flatMap(({ attempt, detail_json }) => {
    const { ended } = JSON.parse(detail_json);
    return ended === undefined ? [] : [[attempt, ended.code, ended.text]];
  });
  assert.deepEqual(ends, [
    [1, 'exit_nonzero', 'exited 3'],
    [2, 'exit_nonzero', 'exited 4'],
  ]);
  for (const attempt of [1, 2, 3])
    assert.ok(fs.existsSync(path.join(attemptDir(yard.home, run, attempt), 'exit')));
  const { stdout } = await execa(bin, ['show', run, '--json'], {
    env: { RUNYARD_HOME: yard.home },
  });
  const shown = JSON.parse(stdout).attempts.map((each: { status: string; text: string }) => [
    each.status,
    each.text,
  ]);
  assert.deepEqual(shown, [
    ['failed', 'exited 3'],
    ['failed', 'exited 4'],
    ['completed', ''],
  ]);
});

test('a stop during the backoff starts nothing, and the reason says meanwhile what is waited for', async () => {
  await using yard = await startYard();
  const journal = path.join(yard.home, 'journal');
  const retry = { max: 1, backoff_s: 3600, backoff_max_s: 3600, on: ['oom'] };
  const say = 'echo "torch.OutOfMemoryError: CUDA out of memory." >&2; exit 1';
  const command = ['sh', '-c', `echo "$RUNYARD_ATTEMPT" >> "$0"; ${say}`, journal];
  const run = await submit(yard, { command, retry });
  const waiting = await until(async () => {
    const found = await yard.client.get(run);
    return found.attempt === 2 ? found : null;
  }, 'the second attempt to be due');
  assert.equal(waiting.state, 'queued');
  assert.match(
    waiting.why,
    /^attempt 2 of 2 starts in \d+ min, at \d\d:\d\d:\d\d UTC; attempt 1 failed: exited 1: .*CUDA out of memory/,
  );
  await yard.crash();
  await yard.up();
  assert.match((await yard.client.get(run)).why, /^attempt 2 of 2 starts in /);
  const stopped = await yard.client.stop(run, { user: 'ana', reason: 'enough' });
  assert.deepEqual([stopped.status, stopped.attempt], ['cancelled', 2]);
  assert.deepEqual(journalOf(journal), ['1']);
});

test('what the policy does not name is not tried again; a time limit is only when it is named', async () => {
  await using yard = await startYard();
  const journal = (name: string): string => path.join(yard.home, name);
  const runs = await Promise.all([
    submit(yard, { command: trainer(journal('a'), '3', '0'), retry: { max: 2, on: ['oom', 4] } }),
    submit(yard, {
      command: trainer(journal('b'), '4', '0'),
      retry: { max: 2, on: ['oom', 4], backoff_s: 0 },
    }),
    submit(yard, { command: ['sleep', '60'], time_limit_s: 0.2, retry: { max: 2, backoff_s: 0 } }),
    submit(yard, {
      command: ['sh', '-c', 'test $RUNYARD_ATTEMPT = 2 || exec sleep 60'],
      // Only the first attempt takes that long; the second has it all to begin.
      time_limit_s: 6,
      retry: { max: 2, backoff_s: 0, on: ['time_limit'] },
    }),
  ]);
  const ends = await Promise.all(runs.map((run) => yard.client.wait(run)));
  assert.deepEqual(
    ends.map(({ status, attempt, failure_reason }) => [status, attempt, failure_reason?.code]),
    [
      ['failed', 1, 'exit_nonzero'],
      ['completed', 2, undefined],
      ['failed', 1, 'time_limit'],
      ['completed', 2, undefined],
    ],
  );
});

test('a registry that is remade knows the attempts that were tried again, and goes on from there', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '4' });
  const file = (name: string): string => path.join(yard.home, name);
  const retry = { max: 3, backoff_s: 0.05 };
  // One whose second attempt lives, one that waits for its second, one whose policy is about a guess.
  const live = await submit(yard, {
    command: trainer(file('a'), '3', `5@${file('go')}`, '0'),
    retry,
  });
  const waits = await submit(yard, {
    command: trainer(file('b'), '3', '0'),
    retry: { max: 1, backoff_s: 3600, backoff_max_s: 3600 },
  });
  const say = 'test $RUNYARD_ATTEMPT = 1 && { echo "MemoryError" >&2; exit 1; }';
  const guess = await submit(yard, {
    command: ['sh', '-c', `${say}; until test -e "$0"; do sleep 0.05; done`, file('go')],
    retry: { ...retry, on: ['oom'] },
  });
  for (const run of [live, guess])
    await until(async () => {
      const { attempt, state } = await yard.client.get(run);
      return attempt === 2 && state === 'running.live';
    }, `the second attempt of ${run}`);
  await until(async () => (await yard.client.get(waits)).attempt === 2, 'the backoff');
  await yard.crash();
  for (const suffix of ['', '-wal', '-shm'])
    fs.rmSync(path.join(yard.home, `registry.db${suffix}`), { force: true });
  // What said it is lost too: that there is a second attempt still says that there was a retry.
  fs.rmSync(path.join(attemptDir(yard.home, guess, 1), 'ended.json'));
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  for (const run of [live, guess]) {
    const { attempt, state } = await yard.client.get(run);
    assert.deepEqual([attempt, state], [2, 'running.live'], run);
  }
  assert.match(
    (await yard.client.get(waits)).why,
    /attempt 2 of 2 starts in .*attempt 1 failed: exited 3/,
  );
  fs.writeFileSync(file('go'), '');
  const ends = await Promise.all([live, guess].map((run) => yard.client.wait(run)));
  assert.deepEqual(
    ends.map(({ status, attempt }) => [status, attempt]),
    [
      ['completed', 3],
      ['completed', 2],
    ],
  );
  assert.deepEqual(journalOf(file('a')), ['1', '2', '3']);
  await yard.client.stop(waits);
  assert.equal((await inState(yard, waits, /^done/)).status, 'cancelled');
  assert.deepEqual(journalOf(file('b')), ['1']);
});

test('runyard run shows the output of all attempts, and ends with the exit code of the last', async () => {
  await using yard = await startYard();
  const words = ['run', '--retries', '2', '--retry-backoff', '0.05s', '--retry-on', '3,oom', '--'];
  const shell = { RUNYARD_HOME: yard.home, PATH: env.PATH };
  const command = trainer(path.join(yard.home, 'journal'), '3', '7', '0');
  const { stdout, exitCode } = await execa(bin, [...words, ...command], {
    env: shell,
    reject: false,
  });
  assert.equal(stdout, 'out 1\nout 2');
  assert.equal(exitCode, 7);
  const refused = await execa(bin, ['submit', '--retry-on', 'oom', '--', 'true'], {
    env: shell,
    reject: false,
  });
  assert.match(refused.stderr, /--retry-on.*says nothing about how often[\s\S]*--retries 3/);
});

test('runyard retry makes a new run of one that is over, and each names the other', async () => {
  await using yard = await startYard();
  const shell = { RUNYARD_HOME: yard.home, PATH: env.PATH };
  const runyard = (...words: string[]) =>
    execa(bin, words, {
      env: { ...shell, SECRET: 'of this shell' },
      extendEnv: false,
      reject: false,
    });
  const script = 'echo "$SECRET" > "$0"; test "$SECRET" = "of this shell"';
  const config = { command: ['sh', '-c', script, path.join(yard.home, 'secret')], group: 'seeds' };
  const first = await submit(yard, { ...config, priority: 3, note: 'first' });
  assert.equal((await yard.client.wait(first)).status, 'failed');
  const good = await submit(yard, { command: ['true'], group: 'seeds' });
  await yard.client.wait(good);

  const { stdout: second } = await runyard('retry', first, '--priority', '5', '--note', 'again');
  const done = await yard.client.wait(second);
  assert.equal(done.status, 'completed');
  assert.deepEqual([done.retry_of, done.note, done.group], [first, 'again', 'seeds']);
  assert.equal((await yard.client.get(first)).retried_by, second);
  assert.match((await runyard('show', first)).stdout, new RegExp(`retried by ${second}`));
  const kept = JSON.parse(
    fs.readFileSync(path.join(yard.home, 'runs', second, 'config.json'), 'utf8'),
  );
  assert.deepEqual([kept.retry_of, kept.config.priority], [first, 5]);

  // Of a group only what failed, and has no retry yet.
  const bad = await submit(yard, { command: ['false'], group: 'seeds' });
  await yard.client.wait(bad);
  const { stdout: third } = await runyard('retry', 'g:seeds', '--failed');
  assert.equal((await yard.client.wait(third)).retry_of, bad);

  // One that goes on cannot be retried.
  const live = await submit(yard, { command: ['sleep', '60'] });
  const refused = await runyard('retry', live);
  assert.match(refused.stderr, /only a run that is over can be retried/);
  assert.notEqual(refused.exitCode, 0);
});

test('a trainer that dies goes on from its newest checkpoint, and show says from which', async () => {
  await using yard = await startYard();
  const cwd = path.join(yard.home, 'cwd');
  fs.mkdirSync(cwd);
  const script = path.resolve(import.meta.dirname, '../fixtures/trainers/checkpoints.py');
  const retry = {
    max: 3,
    backoff_s: 0.05,
    resume: { artifact: 'ckpt/*.json', args: ['--resume', '{artifact}'] },
  };
  const run = await submit(yard, { command: ['python3', '-I', '-S', script], cwd, retry });
  const done = await yard.client.wait(run);
  assert.equal(done.status, 'completed', done.why);
  assert.equal(done.attempt, 3);
  const journal = fs.readFileSync(path.join(cwd, 'journal'), 'utf8').trim().split('\n');
  const store = path.join(yard.home, 'artifacts', run);
  // It dies behind step 900 and behind step 1100: as text, 900 would be after 1100.
  assert.deepEqual(journal, [
    'attempt 1 from 0',
    `attempt 2 from 900 ${path.join(store, '1/v1/ckpt/step_900.json')}`,
    `attempt 3 from 1100 ${path.join(store, '2/v1/ckpt/step_1100.json')}`,
    'done at 1200',
  ]);
  const shown = await execa(bin, ['show', run, '--json'], { env: { RUNYARD_HOME: yard.home } });
  assert.deepEqual(
    JSON.parse(shown.stdout).attempts.map((each: { resumed_from: string }) => each.resumed_from),
    [
      '',
      'ckpt/step_900.json of attempt 1 (step 900)',
      'ckpt/step_1100.json of attempt 2 (step 1100)',
    ],
  );
  const plain = await execa(bin, ['show', run], { env: { RUNYARD_HOME: yard.home } });
  assert.match(plain.stdout, /from ckpt\/step_1100\.json of attempt 2/);
});
