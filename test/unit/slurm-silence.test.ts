/** What is concluded of a job that has begun and of which nothing more is heard. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JobView, judgeJob } from '../../src/executors/slurm/judgement.ts';

const patience = { silentMs: 10, sureMs: 4, lostAfterMs: 100, silentMostMs: 300 };

function judged(of: Partial<JobView>) {
  const view: JobView = {
    claimed: true,
    heardMs: 50,
    state: 'RUNNING',
    reason: 'None',
    nodes: 'node1',
    job: '17',
    forMs: 1000,
    answeredMs: 1,
    again: null,
    gaveUp: false,
    ...of,
  };
  const verdict = judgeJob(view, patience);
  return verdict.kind === 'gone' ? `${verdict.status} ${verdict.code}` : verdict.kind;
}

test('a job that runs for Slurm and says nothing is waited for, then ended there, then lost', () => {
  assert.equal(judged({}), 'wait');
  assert.equal(judged({ heardMs: 299 }), 'wait');
  assert.equal(judged({ heardMs: 301 }), 'end');
  // Once is enough: it is Slurm's turn.
  assert.equal(judged({ heardMs: 999, gaveUp: true }), 'wait');
  assert.equal(judged({ heardMs: 999, gaveUp: true, state: 'CANCELLED' }), 'lost job_lost');
  // Heard of again, it lives.
  assert.equal(judged({ heardMs: 1, gaveUp: true, state: 'CANCELLED' }), 'wait');
});

test('while Slurm does not answer nobody is ended', () => {
  assert.equal(judged({ heardMs: 999, answeredMs: 70_000 }), 'wait');
  assert.equal(judged({ heardMs: 999, answeredMs: null }), 'wait');
});

test('a job that has begun and ends without a word is lost, however its script ended', () => {
  for (const state of ['FAILED', 'COMPLETED']) assert.equal(judged({ state }), 'lost job_lost');
  // One that never began has failed: it could not be started.
  assert.equal(judged({ state: 'FAILED', claimed: false, heardMs: null }), 'failed job_failed');
  assert.equal(judged({ state: 'CANCELLED' }), 'failed cancelled_elsewhere');
  assert.equal(judged({ state: 'NODE_FAIL' }), 'lost node_failed');
});
