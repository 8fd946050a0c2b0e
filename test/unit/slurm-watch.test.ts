/** For how long Slurm has said what of a job. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobHint, Tools } from '../../src/executors/slurm/tools.ts';
import { createJobWatch } from '../../src/executors/slurm/watch.ts';
import type { Clock } from '../../src/telemetry/index.ts';

function watching(jobs: () => Partial<JobHint>[]) {
  let mono = 0;
  let next: () => void = () => undefined;
  const clock = {
    now: () => ({ mono_ms: mono, wall_ms: mono }),
    after: (_ms: number, act: () => void) => {
      next = act;
      return () => undefined;
    },
  } as unknown as Clock;
  let answered: () => void = () => undefined;
  const tools = { jobs: async () => jobs() as JobHint[] } as unknown as Tools;
  const watch = createJobWatch({
    ...{ tools, clock, pollMs: 500, need: () => 'waited' },
    answered: () => answered(),
  });
  return {
    watch,
    async answerAt(ms: number) {
      mono = ms;
      const done = new Promise<void>((resolve) => {
        answered = resolve;
      });
      if (ms === 0) watch.hurry();
      else next();
      await done;
    },
  };
}

test('a number that somebody else has by now says nothing of our job, however often it is named', async () => {
  const { watch, answerAt } = watching(() => [{ id: '12', name: 'theirs', state: 'RUNNING' }]);
  await answerAt(0);
  assert.equal(watch.of('12', 'ours').hint, null);
  await answerAt(500);
  await answerAt(9000);
  assert.deepEqual(watch.of('12', 'ours'), { hint: null, forMs: 9000 });
  assert.equal(watch.of('12', 'theirs').hint?.state, 'RUNNING');
});

test('a job that is mentioned again was not away', async () => {
  let jobs: Partial<JobHint>[] = [{ id: '3', name: 'ours', state: 'RUNNING' }];
  const { watch, answerAt } = watching(() => jobs);
  await answerAt(0);
  jobs = [];
  await answerAt(1000);
  await answerAt(3000);
  assert.deepEqual(watch.of('3', 'ours'), { hint: null, forMs: 2000 });
  jobs = [{ id: '3', name: 'ours', state: 'RUNNING' }];
  await answerAt(4000);
  assert.equal(watch.of('3', 'ours').forMs, 0);
});

test('a question that Slurm does not answer makes nothing last longer', async () => {
  let jobs: () => Partial<JobHint>[] = () => [];
  const { watch, answerAt } = watching(() => jobs());
  await answerAt(0);
  assert.equal(watch.of('3', 'ours').forMs, 0);
  await answerAt(1000);
  jobs = () => {
    throw new Error('squeue timed out');
  };
  await answerAt(20_000);
  assert.deepEqual(watch.of('3', 'ours'), { hint: null, forMs: 1000 });
  jobs = () => [{ id: '3', name: 'ours', state: 'PENDING' }];
  await answerAt(21_000);
  assert.equal(watch.of('3', 'ours').forMs, 0);
});
