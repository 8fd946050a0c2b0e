/** Sweeps by the command line, with a real daemon: submitted as a whole, looked at, stopped. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { removeTree } from '../remove-tree.ts';
import { startYard, until, type Yard } from './yard.ts';

const runyard = path.resolve(import.meta.dirname, '../../bin/runyard');

function cli(yard: Yard) {
  const env = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home };
  return async (...args: string[]) => {
    const options = { env, cwd: yard.home, reject: false, stdin: 'ignore' } as const;
    const { exitCode, stdout, stderr } = await execa(runyard, args, options);
    return { exitCode, stdout, stderr, lines: stdout.split('\n') };
  };
}

const json = (lines: string[]) => lines.map((line) => JSON.parse(line));
/** A trainer whose return is known: 100 times the seed, and the length of its environment's name more. */
const trainer =
  'echo "global_step=10, episodic_return=$(({seed} * 100 + \x24{#ENV}))"; exit {code}';

test('a sweep of six: one group, a run for each cell, and a table that says how they did', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '3' });
  const ry = cli(yard);
  const about = ['--name', 'dqn-{env-id}-s{seed}', '--env', 'ENV={env-id}', '--project', 'p'];
  const matrix = ['--matrix', 'seed=1..3', 'env-id=A,BBB', '--matrix', 'code=0'];
  const submitted = await ry('sweep', ...matrix, ...about, '--', 'sh', '-c', trainer);
  assert.match(submitted.stdout, /^g:sh-[a-z2-7]{4}$/, submitted.stderr);
  const group = submitted.stdout;
  assert.equal((await ry('wait', group)).exitCode, 0);
  const listed = (await ry('ls', group)).lines.map((line) => line.split('\t'));
  assert.deepEqual(listed.map(([, name]) => name).sort(), [
    ...['dqn-A-s1', 'dqn-A-s2', 'dqn-A-s3', 'dqn-BBB-s1', 'dqn-BBB-s2', 'dqn-BBB-s3'],
  ]);
  const key = 'episodic_return';
  // What was measured is known a moment after the end.
  const rows = await until(async () => {
    const found = json((await ry('show', group, '--metric', key, '--json')).lines);
    return found.filter(({ type, metric }) => type === 'run' && metric).length === 6 ? found : null;
  }, 'the metrics of all six');
  const [head] = rows;
  const { runs, completed, state, project } = head;
  assert.deepEqual([head.type, runs, completed, state, project], ['group', 6, 6, 'completed', 'p']);
  const values = rows.filter(({ type }) => type === 'run');
  assert.deepEqual(
    values.map(({ params, metric }) => [params.seed, params['env-id'], metric.last]),
    [
      ...[1, 2, 3].flatMap((seed) => [
        [String(seed), 'A', 100 * seed + 1],
        [String(seed), 'BBB', 100 * seed + 3],
      ]),
    ],
  );
  const seeds = rows.filter(({ type }) => type === 'seeds');
  assert.deepEqual(
    seeds.map(({ params, n, mean, std, best }) => [params['env-id'], n, mean, std, best]),
    [
      ['A', 3, 201, 100, 301],
      ['BBB', 3, 203, 100, 303],
    ],
  );
  const compared = json((await ry('compare', group, '--json')).lines);
  const differs = compared.filter(({ run_id }) => run_id).map(({ differs: of }) => of);
  assert.deepEqual(differs[0], { seed: '1', 'env-id': 'A' });
});

test('--print shows the commands, without a daemon', async () => {
  const { stdout } = await execa(
    runyard,
    ['submit', '--matrix', 'seed=1..2', '--style', 'hydra', '--print', '--', 'python', 'a b.py'],
    { env: { RUNYARD_HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' } },
  );
  assert.equal(stdout, "python 'a b.py' seed=1\npython 'a b.py' seed=2");
});

test('one bad cell refuses all, and nothing is left of any', async () => {
  await using yard = await startYard();
  const ry = cli(yard);
  const bad = await ry('sweep', '--matrix', 'seed=1..40', 'p=true,nosuch', '--', '{p}');
  assert.equal(bad.exitCode, 4);
  assert.match(bad.stderr, /40 of 80 runs are refused, and nothing was submitted/);
  assert.match(bad.stderr, /seed=1 p=nosuch and others \/command\/0 .*executable/);
  const name = await ry('sweep', '--matrix', 'n=a,-', '--name', '{n}', '--', 'true');
  assert.match(name.stderr, /1 of 2 runs is refused[\s\S]*n=- \/name/);
  assert.equal((await ry('sweep', '--matrix', 'seed=1..99999', '--', 'true')).exitCode, 2);
  assert.equal((await ry('ls', '-a')).stdout, '');
  assert.deepEqual(fs.readdirSync(path.join(yard.home, 'runs')), []);
});

test('a sweep that is submitted again under its key makes only what is not there', async () => {
  await using yard = await startYard();
  const ry = cli(yard);
  const sweep = (seeds: string, command: string) =>
    ry('sweep', '--key', 'night', '--json', '--matrix', `seed=${seeds}`, '--', 'sh', '-c', command);
  const first = JSON.parse((await sweep('1..3', 'exit 0')).stdout);
  const again = JSON.parse((await sweep('1..3', 'exit 0')).stdout);
  const more = JSON.parse((await sweep('1..5', 'exit 0')).stdout);
  const counts = [first, again, more].map(({ group, created, runs }) => [group, created, runs]);
  const { group } = first;
  assert.deepEqual(counts, [
    [group, 3, 3],
    [group, 0, 3],
    [group, 2, 5],
  ]);
  const other = await sweep('1..6', 'exit 1');
  assert.equal(other.exitCode, 4);
  assert.match(other.stderr, /another configuration/);
  assert.equal((await ry('ls', `g:${group}`)).lines.length, 5);
  assert.equal((await ry('wait', `g:${group}`)).exitCode, 0);
});

test('a sweep that was cut short says how to go on, and then doubles nothing', async () => {
  const points = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-points-'));
  try {
    await using yard = await startYard({ RUNYARD_FAILPOINTS: points });
    fs.writeFileSync(path.join(points, 'submit.synced'), '');
    const sweep = ['sweep', '--hold', '--matrix', 'seed=1..300', '--json', '--', 'sleep', '600'];
    const env = { RUNYARD_HOME: yard.home, XDG_CONFIG_HOME: yard.home };
    const options = { env, cwd: yard.home, reject: false, stdin: 'ignore' } as const;
    const child = execa(runyard, sweep, options);
    let told = '';
    child.stderr?.on('data', (data) => {
      told += data;
    });
    await until(() => told.includes('the daemon is away'), 'the daemon to be missed', 60_000);
    child.kill('SIGINT');
    const { exitCode, stderr } = await child;
    assert.equal(exitCode, 130, stderr);
    const [, key = ''] = /the same command with --key (\w+)/.exec(stderr) ?? [];
    await yard.up();
    const rest = await execa(
      runyard,
      [...sweep.slice(0, 1), '--key', key, ...sweep.slice(1)],
      options,
    );
    const { runs, created, group } = JSON.parse(rest.stdout);
    assert.equal(runs, 300);
    assert(created > 0 && created < 300, `${created} were left`);
    for await (const _ of yard.client.stopGroup(group));
  } finally {
    removeTree(points);
  }
});

test('a group is held, released, stopped as a whole; what waited never starts', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '4' });
  const ry = cli(yard);
  const marks = path.join(yard.home, 'marks');
  const words = ['--', 'sh', '-c', `echo {seed} >> ${marks}; exec sleep 600`];
  const sweep = ['sweep', '--group', 'all', '--at-once', '2', '--matrix', 'seed=1..6'];
  assert.equal((await ry(...sweep, ...words)).stdout, 'g:all');
  const started = (): string[] =>
    fs.existsSync(marks) ? fs.readFileSync(marks, 'utf8').trim().split('\n') : [];
  await until(() => started().length === 2, 'two of them to run');
  const group = await yard.client.group('all');
  assert.deepEqual([group.state, group.running, group.queued, group.at_once], ['running', 2, 4, 2]);
  const waiting = (await ry('ls', '--status', 'queued', 'g:all', '--json')).lines;
  for (const { why } of json(waiting)) assert.equal(why, 'g:all has 2 of at most 2 runs at once');
  const held = await ry('hold', 'g:all', '-m', 'not now');
  assert.equal(held.lines.length, 4);
  assert.equal((await yard.client.group('all')).held, 4);
  assert.equal((await ry('release', 'g:all')).lines.length, 4);
  const timeout = await ry('wait', 'g:all', '--timeout', '0.2s');
  assert.equal(timeout.exitCode, 1);
  assert.match(timeout.stderr, /still running/);
  const stopped = await ry('stop', 'g:all', '-m', 'wrong lr');
  assert.equal(stopped.lines.filter((line) => line.endsWith('\tcancelled')).length, 6);
  assert.equal(started().length, 2);
  const { state, cancelled, finished_at: at } = await yard.client.group('all');
  assert.deepEqual([state, cancelled, at !== ''], ['cancelled', 6, true]);
  assert.equal((await ry('wait', 'g:all')).exitCode, 1);
  assert.equal((await ry('stop', 'g:nobody')).exitCode, 1);
});

test('a group has failed when one of it has, and no other is under way', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '2' });
  const ry = cli(yard);
  const go = path.join(yard.home, 'go');
  const script = `[ {code} = 1 ] && exit 1; until [ -e ${go} ]; do sleep 0.05; done`;
  const sweep = ['sweep', '--group', 'mixed', '--follow', '--matrix', 'code=0,1', '--'];
  const followed = ry(...sweep, 'sh', '-c', script);
  await until(async () => {
    const group = await yard.client.group('mixed').catch(() => null);
    if (group?.failed !== 1) return false;
    assert.equal(group.state, 'running');
    return true;
  }, 'one to fail');
  fs.writeFileSync(go, '');
  const { exitCode, stderr } = await followed;
  assert.equal(exitCode, 1);
  assert.match(stderr, /sh-code1 .*exit 1[\s\S]*g:mixed .*failed .*2 runs · 1 ✓ 1 ✗/);
  const groups = [];
  for await (const group of yard.client.groups({ all: true })) groups.push(group.group);
  assert.deepEqual(groups, ['mixed']);
});

test('a retry takes the place of the member that failed: shown, but not held against the group', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '2' });
  const ry = cli(yard);
  const mended = path.join(yard.home, 'mended');
  const script = `[ -e ${mended} ] || [ {seed} = 1 ] || exit 3; echo "global_step=1, episodic_return={seed}00"`;
  const sweep = ['sweep', '--group', 'mend', '--matrix', 'seed=1..3', '--', 'sh', '-c', script];
  assert.equal((await ry(...sweep)).exitCode, 0);
  assert.equal((await ry('wait', 'g:mend')).exitCode, 1);
  // Again and again in vain: only the newest counts.
  assert.equal((await ry('retry', 'g:mend', '--failed')).lines.length, 2);
  const again = await ry('wait', 'g:mend');
  assert.equal(again.exitCode, 1);
  assert.equal(again.stderr.match(/exit 3/g)?.length, 2, again.stderr);
  fs.writeFileSync(mended, '');
  assert.equal((await ry('retry', 'g:mend', '--failed')).lines.length, 2);
  const waited = await ry('wait', 'g:mend');
  assert.equal(waited.exitCode, 0, waited.stderr);
  assert.match(waited.stderr, /3 runs · 3 ✓ · 4 superseded/);
  const { state, runs, completed, failed, superseded } = await yard.client.group('mend');
  assert.deepEqual([state, runs, completed, failed, superseded], ['completed', 3, 3, 0, 4]);
  const look = ['show', 'g:mend', '--metric', 'episodic_return', '--json'];
  const rows = await until(async () => {
    const found = json((await ry(...look)).lines);
    return found.filter(({ type, metric }) => type === 'run' && metric).length === 3 ? found : null;
  }, 'the metrics of all three');
  const kinds = rows.map(({ type }) => type);
  assert.deepEqual(
    ['group', 'run', 'superseded', 'seeds'].map((kind) => kinds.filter((k) => k === kind).length),
    [1, 3, 4, 1],
  );
  const means = rows.at(-1);
  assert.deepEqual([means.n, means.mean, means.runs.length], [3, 200, 3]);
  const ids = rows.filter(({ type }) => type === 'run').map(({ run_id }) => run_id);
  for (const { retried_by: by } of rows.filter(({ type }) => type === 'superseded'))
    assert(rows.some(({ run_id }) => run_id === by));
  const compared = json((await ry('compare', 'g:mend', '--json')).lines);
  const named = compared.filter(({ differs }) => differs).map(({ run_id }) => run_id);
  assert.deepEqual(named.sort(), ids.sort());
});

test('of two retries of one run the later counts, once the other is over; a retry elsewhere changes nothing', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '2' });
  const { client } = yard;
  const go = path.join(yard.home, 'go');
  const config = { command: ['false'], cwd: yard.home, group: 'twins' };
  const env = { PATH: process.env.PATH ?? '' };
  const { run_id: first } = await client.submit(config, { env });
  await client.wait(first);
  const elsewhere = await client.retry(first, {
    env,
    changes: { group: 'other', command: ['true'] },
  });
  await client.wait(elsewhere.run_id);
  assert.equal((await client.group('twins')).state, 'failed');
  const script = `until [ -e ${go} ]; do sleep 0.05; done; exit 1`;
  const slow = await client.retry(first, { env, changes: { command: ['sh', '-c', script] } });
  const quick = await client.retry(first, { env, changes: { command: ['true'] } });
  await client.wait(quick.run_id);
  const between = await client.group('twins');
  assert.deepEqual([between.state, between.runs, between.superseded], ['running', 2, 1]);
  fs.writeFileSync(go, '');
  await client.wait(slow.run_id);
  const { state, runs, superseded } = await client.group('twins');
  assert.deepEqual([state, runs, superseded], ['completed', 1, 2]);
});
