/** What is thought of a job: each rule J1 to J5 of `judgement.ts` by its cases. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  endOf,
  type JobCode,
  type JobView,
  judgeJob,
} from '../../src/executors/slurm/judgement.ts';
import { isTerminal } from '../../src/executors/slurm/tools.ts';

const patience = { silentMs: 10_000, sureMs: 4000, lostAfterMs: 300_000, silentMostMs: 900_000 };
/** A job that has begun, was heard of long ago, and of which Slurm has said the same for long. */
const silent: JobView = {
  claimed: true,
  heardMs: 60_000,
  state: 'RUNNING',
  reason: 'None',
  nodes: 'node2',
  job: '17',
  forMs: 1_000_000,
  answeredMs: 100,
  again: null,
  gaveUp: false,
};
const states = [
  ...['PENDING', 'CONFIGURING', 'RUNNING', 'SUSPENDED', 'COMPLETING', 'COMPLETED', 'FAILED'],
  ...['NODE_FAIL', 'BOOT_FAIL', 'PREEMPTED', 'TIMEOUT', 'DEADLINE', 'OUT_OF_MEMORY', 'CANCELLED'],
  ...['REVOKED', 'A_STATE_OF_A_LATER_SLURM'],
];
const of = (more: Partial<JobView>) => judgeJob({ ...silent, ...more }, patience);
const code = (more: Partial<JobView>): string => {
  const verdict = of(more);
  return verdict.kind === 'gone' ? verdict.code : verdict.kind;
};

test('J1: whoever was heard of lately lives, whatever Slurm says', () => {
  for (const state of [...states, null])
    for (const again of [null, 'node3'])
      assert.deepEqual(of({ heardMs: 10_000, state, again }), { kind: 'wait', text: '' });
});

test('J2: a job that Slurm does not mention is lost after its time, and not before', () => {
  assert.equal(code({ state: null, forMs: 299_999 }), 'wait');
  assert.equal(code({ state: null, forMs: 300_000 }), 'job_lost');
  assert.equal(code({ state: null, forMs: 300_000, claimed: false, heardMs: null }), 'job_lost');
  const verdict = of({ state: null, forMs: 300_000 });
  assert.ok(verdict.kind === 'gone' && verdict.status === 'lost');
  assert.match(verdict.text, /job 17 .*300 s/);
});

test('J3: while Slurm does not answer, nothing is concluded', () => {
  for (const answeredMs of [null, 60_000, 1e9])
    for (const state of [...states, null])
      for (const claimed of [true, false])
        for (const again of [null, 'node3']) {
          const verdict = of({ answeredMs, state, claimed, again });
          assert.equal(verdict.kind, 'wait', `${state}`);
          assert.match(verdict.text, /has not answered/);
        }
});

test('J4: nothing is ever concluded to be completed', () => {
  for (const state of [...states, null])
    for (const claimed of [true, false])
      for (const again of [null, 'node3']) {
        const verdict = of({ state, claimed, again });
        if (verdict.kind === 'gone') assert.ok(['failed', 'lost'].includes(verdict.status));
      }
  // Whatever its batch script ended with, how its trainer did is not known.
  assert.equal(code({ state: 'COMPLETED' }), 'job_lost');
  assert.equal(code({ state: 'COMPLETED', claimed: false, heardMs: null }), 'job_failed');
});

test('each final state of Slurm’s has its reason, once Slurm has said so for a while', () => {
  for (const [state, want, status] of [
    ['NODE_FAIL', 'node_failed', 'lost'],
    ['BOOT_FAIL', 'node_failed', 'lost'],
    ['PREEMPTED', 'preempted', 'failed'],
    ['TIMEOUT', 'time_limit', 'failed'],
    ['DEADLINE', 'time_limit', 'failed'],
    ['OUT_OF_MEMORY', 'out_of_memory', 'failed'],
    ['CANCELLED', 'cancelled_elsewhere', 'failed'],
    ['REVOKED', 'cancelled_elsewhere', 'failed'],
    ['FAILED', 'job_lost', 'lost'],
    ['COMPLETED', 'job_lost', 'lost'],
  ] as const) {
    assert.ok(isTerminal(state), state);
    assert.equal(code({ state, forMs: 3999 }), 'wait', state);
    const verdict = of({ state, forMs: 4000 });
    assert.ok(verdict.kind === 'gone', state);
    assert.deepEqual([verdict.code, verdict.status], [want, status], state);
    assert.match(verdict.text, /job 17/);
  }
  // Of one that has not begun nothing is lost.
  for (const state of ['FAILED', 'COMPLETED'])
    assert.equal(code({ state, claimed: false, heardMs: null }), 'job_failed', state);
});

test('the page of reasons has each code that a job can end with', () => {
  const page = fs.readFileSync(path.resolve(import.meta.dirname, '../../docs/reasons.md'), 'utf8');
  const [, there = ''] = page.split('## On Slurm');
  const rows = [...there.matchAll(/^\| `(\w+)`\s*\| (\w+)/gm)].map(([, name]) => name);
  const every: Record<JobCode | 'job_refused', true> = {
    node_failed: true,
    preempted: true,
    time_limit: true,
    out_of_memory: true,
    cancelled_elsewhere: true,
    job_failed: true,
    job_lost: true,
    job_restarted: true,
    job_refused: true,
  };
  assert.deepEqual(rows.sort(), Object.keys(every).sort());
});

test('no other state ends anything, also none that is not known yet', () => {
  for (const state of states.filter((each) => !isTerminal(each))) {
    assert.equal(endOf(state, silent), null, state);
    if (state !== 'PENDING') assert.equal(code({ state }), 'wait', state);
  }
});

test('a second start that was turned away, of a first that is silent, is told as that', () => {
  assert.equal(code({ again: 'node3' }), 'job_restarted');
  assert.equal(code({ again: 'node3', heardMs: 9000 }), 'wait');
  // Of one that has not begun there is no first.
  assert.equal(code({ again: 'node3', claimed: false, state: 'RUNNING' }), 'wait');
  assert.match((of({ again: 'node3' }) as { text: string }).text, /second time, on node3/);
});

test('what ran and waits again is over after its time', () => {
  assert.equal(code({ state: 'PENDING', forMs: 299_999 }), 'wait');
  assert.equal(code({ state: 'PENDING', forMs: 300_000 }), 'job_restarted');
  assert.equal(code({ state: 'PENDING', claimed: false, heardMs: null }), 'wait');
});

test('what waits says why, in words where they are known', () => {
  const text = (reason: string, more: Partial<JobView> = {}): string =>
    (of({ claimed: false, heardMs: null, state: 'PENDING', reason, ...more }) as { text: string })
      .text;
  assert.equal(text('Resources'), 'job 17 waits in Slurm: Resources, waits for free nodes');
  assert.equal(text('Priority'), 'job 17 waits in Slurm: Priority, others come first');
  assert.equal(text('SomethingNew'), 'job 17 waits in Slurm: SomethingNew');
  assert.equal(text('None'), 'job 17 waits in Slurm');
  assert.equal(text(''), 'job 17 waits in Slurm');
  assert.match(text('ReqNodeNotAvail, UnavailableNodes:node[1-2]'), /: ReqNodeNotAvail, /);
  assert.equal(text('None', { state: 'RUNNING' }), 'job 17 begins on node2');
  assert.equal(text('None', { state: 'CONFIGURING', nodes: '' }), 'job 17 begins on its node');
});

test('J5: what is silent for too long while Slurm says that it runs is ended there, and then lost', () => {
  assert.equal(of({ heardMs: 900_000 }).kind, 'wait');
  assert.equal(of({ heardMs: 900_001 }).kind, 'end');
  assert.equal(code({ heardMs: 900_001, state: 'CANCELLED', gaveUp: true }), 'job_lost');
});

test('what is silent while Slurm says that it runs is told, and not ended', () => {
  const verdict = of({ heardMs: 300_001 });
  assert.equal(verdict.kind, 'wait');
  assert.match(verdict.text, /on node2 has said nothing for 300 s; for Slurm it is RUNNING/);
});
