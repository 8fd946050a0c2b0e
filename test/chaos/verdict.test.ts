/** That the checker of the chaos test sees what it is there to see. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupSummary, RunSummary } from '../../src/contracts/index.ts';
import { attemptComplaints } from './attempts.ts';
import { groupComplaint } from './groups.ts';
import type { Journal } from './journal.ts';
import type { LoadedRun } from './load.ts';
import { excuseFor, gapIn, wrongReport } from './verdict.ts';

const started = {
  pid: 7,
  start_time: '1',
  parent: 6,
  parent_start_time: '1',
  run: 'k3f9a2mx',
  attempt: '1',
};

function judged(of: {
  told: Partial<RunSummary>;
  ends: Journal['ends'];
  plan?: { exit?: number; signal?: number; limited?: boolean };
  stopTried?: boolean;
  killedAt?: string[];
}): boolean {
  const { exit = 0, signal = 0, limited = false } = of.plan ?? {};
  const run = { stopTried: of.stopTried ?? false, plan: { limited, trainer: { exit, signal } } };
  const told = { exit_code: 0, exit_signal: '', exited: true, failure_reason: null, ...of.told };
  const journal = { start: started, ends: of.ends } as unknown as Journal;
  return (
    wrongReport(
      run as LoadedRun,
      told as RunSummary,
      journal,
      excuseFor(of.killedAt ?? [], false),
    ) === null
  );
}

const because = (code: string) => ({ code, text: '' });

test('a report is right when it says what the trainer wrote', () => {
  assert.ok(judged({ told: { status: 'completed' }, ends: [{ exit: 0 }] }));
  const failed = {
    status: 'failed',
    exit_code: 3,
    failure_reason: because('exit_nonzero'),
  } as const;
  assert.ok(judged({ told: failed, ends: [{ exit: 3 }], plan: { exit: 3 } }));
});

test('a report is wrong when the trainer wrote something else, or nothing', () => {
  const completed = { status: 'completed' } as const;
  assert.equal(judged({ told: completed, ends: [] }), false);
  assert.equal(judged({ told: completed, ends: [{ exit: 3 }], plan: { exit: 3 } }), false);
  const failed = {
    status: 'failed',
    exit_code: 3,
    failure_reason: because('exit_nonzero'),
  } as const;
  assert.equal(judged({ told: failed, ends: [{ exit: 0 }] }), false);
});

test('an end that nobody saw is excused by a killed recorder alone', () => {
  const told = {
    status: 'failed',
    exited: false,
    failure_reason: because('exit_unobserved'),
  } as const;
  assert.ok(judged({ told, ends: [], killedAt: ['recorder.forked'] }));
  // It died before anything ran, or after the end was on the disk.
  for (const place of ['recorder.claimed', 'recorder.done'])
    assert.equal(judged({ told, ends: [], killedAt: [place] }), false, place);
  assert.equal(judged({ told, ends: [{ exit: 0 }] }), false);
});

test('what nobody asked for is wrong: a cancel, a limit, a signal, a failure of ours', () => {
  const killed = { exit_signal: 'SIGTERM', exited: true } as const;
  const ends = [{ signal: 'SIGTERM' }];
  const cancelled = { status: 'cancelled', failure_reason: because('stopped'), ...killed } as const;
  assert.equal(judged({ told: cancelled, ends }), false);
  assert.ok(judged({ told: cancelled, ends, stopTried: true }));
  for (const code of ['time_limit', 'signal', 'launch_failed', 'internal', 'trainer_vanished']) {
    const told = { status: 'failed', failure_reason: because(code), ...killed } as const;
    assert.equal(judged({ told, ends }), false, code);
  }
  const lost = { status: 'lost', failure_reason: because('machine_rebooted') } as const;
  assert.equal(judged({ told: lost, ends: [] }), false);
});

test('a gap is one that is missing, one that is there twice, or an end that is missing', () => {
  assert.equal(gapIn([1, 2, 3], 3), null);
  for (const seqs of [
    [1, 3],
    [1, 2, 2, 3],
    [2, 3],
    [1, 2],
  ])
    assert.notEqual(gapIn(seqs, 3), null);
});

type Tried = { again?: number; overlaps?: number; exit?: number };

/** What is said of a run whose trainers wrote this, by attempt; its events tell `attempts`. */
function tried(of: {
  retries: number;
  journals: Record<number, Tried>;
  told?: Partial<RunSummary>;
  attempts?: number[];
  stoppedAt?: number;
}): string[] {
  const { journals, retries, stoppedAt = null } = of;
  const last = Math.max(...Object.keys(journals).map(Number));
  const code = { code: 'exit_nonzero', text: '' };
  const told = { attempt: last, status: 'failed', failure_reason: code, ...of.told };
  const attempts = of.attempts ?? Array.from({ length: told.attempt }, (_, index) => index + 1);
  const run = { plan: { retries }, attempts, stoppedAt, stopTried: stoppedAt !== null };
  const read = Object.entries(journals).map(([attempt, { again = 0, overlaps = 0, exit = 3 }]) => {
    const journal = { start: started, again, overlaps, ends: [{ exit }] } as unknown as Journal;
    return [Number(attempt), journal] as const;
  });
  const excuse = excuseFor([], false);
  return attemptComplaints(run as LoadedRun, told as RunSummary, new Map(read), excuse).map(
    ([count]) => count,
  );
}

test('attempts follow one another as the policy says, each started once and alone', () => {
  assert.deepEqual(tried({ retries: 0, journals: { 1: {} } }), []);
  assert.deepEqual(tried({ retries: 2, journals: { 1: {}, 2: {}, 3: {} } }), []);
  // One of them was void: nothing ran in it.
  assert.deepEqual(tried({ retries: 1, journals: { 1: {}, 3: {} } }), []);
  const twice = ['runs started twice'];
  assert.deepEqual(tried({ retries: 1, journals: { 1: {}, 2: { again: 1 } } }), twice);
  assert.deepEqual(tried({ retries: 1, journals: { 1: {}, 2: { overlaps: 1 } } }), twice);
  assert.deepEqual(tried({ retries: 1, journals: { 1: {}, 2: {}, 3: {} } }), twice);
  assert.deepEqual(tried({ retries: 1, journals: { 1: {}, 2: {} }, stoppedAt: 1 }), twice);
  assert.deepEqual(tried({ retries: 0, journals: { 1: {}, 2: {} } }), [...twice, ...twice]);
});

test('attempts that are skipped, that follow a success, or that did not come are wrong reports', () => {
  const wrong = ['runs wrongly reported'];
  assert.deepEqual(tried({ retries: 1, journals: { 1: {}, 2: {} }, attempts: [1, 3] }), wrong);
  assert.deepEqual(tried({ retries: 1, journals: { 1: { exit: 0 }, 2: {} } }), wrong);
  assert.deepEqual(tried({ retries: 2, journals: { 1: {}, 2: {} } }), wrong);
  const stopped = { told: { status: 'cancelled', failure_reason: because('stopped') } } as const;
  assert.deepEqual(tried({ retries: 2, journals: { 1: {} }, stoppedAt: 1, ...stopped }), []);
});

test('a group is what its members are', () => {
  const members = ['completed', 'failed'].map((status) => ({ done: { status } }) as LoadedRun);
  const group = { runs: 2, completed: 1, failed: 1, cancelled: 0, finished_at: 'x' };
  assert.equal(groupComplaint(group as GroupSummary, members), null);
  assert.notEqual(groupComplaint({ ...group, failed: 0 } as GroupSummary, members), null);
  assert.notEqual(groupComplaint({ ...group, finished_at: '' } as GroupSummary, members), null);
});
