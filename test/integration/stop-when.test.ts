/** Runs that end where a metric is. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { attemptDir } from '../../src/rundir/index.ts';
import { startYard, until } from './yard.ts';

const env = { PATH: process.env.PATH ?? '' };
const bin = path.resolve(import.meta.dirname, '../../bin/runyard');
/** Counts steps for ever; its return falls below 50 at step 4,000, and was there once before. */
const trainer = (more = ''): string[] => [
  'sh',
  '-c',
  `${more} step=0; for value in 90 10 80 70 20 15; do step=$((step+1000)); echo "{\\"key\\": \\"charts/episodic_return\\", \\"value\\": $value, \\"step\\": $step}" >> "$RUNYARD_METRICS"; sleep 0.1; done; exec sleep 600`,
];

test('a run ends as completed where its rule is met, and is not tried again', async () => {
  await using yard = await startYard();
  const words = ['run', '--retries', '3', '--stop-when', 'charts/episodic_return<50@3000', '--'];
  const { exitCode, stderr } = await execa(bin, [...words, ...trainer()], {
    env: { RUNYARD_HOME: yard.home },
    reject: false,
  });
  assert.equal(exitCode, 0, stderr);
  const run = await yard.client.get('@last');
  assert.deepEqual(
    [run.status, run.attempt, run.failure_reason, run.exit_signal],
    [
      'completed',
      1,
      { code: 'stop_rule', text: 'charts/episodic_return 20 below 50 at step 5,000' },
      'SIGTERM',
    ],
  );
  assert.match(stderr, /charts\/episodic_return 20 below 50/);
});

test('the rule is met once, whoever dies in between: the worker, the daemon, the registry', async () => {
  await using yard = await startYard();
  // A trainer that takes its time over the end.
  const stubborn = trainer('trap "until test -e go; do sleep 0.05; done; exit 4" TERM; set -m;');
  stubborn[2] = stubborn[2]?.replace('exec sleep 600', 'while :; do sleep 0.05; done') ?? '';
  const { run_id: run } = await yard.client.submit(
    {
      command: stubborn,
      cwd: yard.home,
      stop: { grace_s: 600 },
      stop_when: { key: 'charts/episodic_return', below: 50, after_steps: 3000 },
    },
    { env },
  );
  const ending = () =>
    until(
      async () => (await yard.client.get(run)).state === 'stopping.terminating',
      'the rule to be met',
    );
  await ending();
  const file = path.join(attemptDir(yard.home, run, 1), 'worker.json');
  process.kill(JSON.parse(fs.readFileSync(file, 'utf8')).identity.pid, 'SIGKILL');
  await yard.crash();
  for (const suffix of ['', '-wal', '-shm'])
    fs.rmSync(path.join(yard.home, `registry.db${suffix}`), { force: true });
  await yard.up({ RUNYARD_TEST_REBUILD: '1' });
  // Of the registry nothing is left: its worker finds it written down that the rule was met.
  await ending();
  fs.writeFileSync(path.join(yard.home, 'go'), '');
  const done = await yard.client.wait(run);
  assert.deepEqual([done.status, done.failure_reason?.code], ['completed', 'stop_rule']);
  const met = (await yard.events(run)).filter(({ event }) => event === 'rule.met');
  assert.equal(met.length, 1);
});
