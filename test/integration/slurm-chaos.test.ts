/** The short form of `npm run chaos:slurm`: the same cluster, kills and checker, for a moment; and the checker itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunSummary } from '../../src/contracts/index.ts';
import type { Journal } from '../chaos/journal.ts';
import { complaintsOf, slurmChaos } from '../slurm/chaos.ts';
import type { ChaosRun } from '../slurm/chaos-load.ts';
import { runComplaints } from '../slurm/chaos-verdict.ts';
import { slurmTrouble } from '../slurm/packages.ts';

const trouble = await slurmTrouble();
const skip = trouble === '' ? false : trouble;
/** `RUNYARD_SLURM_CHAOS_RUNS=50`: the whole of it. */
const runs = Number(process.env.RUNYARD_SLURM_CHAOS_RUNS ?? 10);
const name =
  'kill -9 of slurmctld, slurmd, slurmstepd, daemon and worker: no run lost, none twice, every state true';

test(name, { skip, timeout: 290_000 + 10_000 * runs }, async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const report = await slurmChaos({
    seed,
    runs,
    open: 6,
    everyMs: 1000,
    // A busy machine gets fewer kills, not a failure.
    killMs: runs > 10 ? 600_000 : 30_000,
    settleMs: 150_000,
    progress: () => undefined,
  });
  t.diagnostic(`${report.killed.length} kills, ${Math.round(report.tookMs / 1000)} s`);
  const told = report.stories.join('\n');
  assert.deepEqual(complaintsOf(report), [], `seed ${seed}\n${told}`);
  assert.ok(report.killed.length > 0 && report.runs.length === runs);
});

type Tried = { exit?: number; again?: number; overlaps?: number };

/** What is complained of in a run that ended so, of whose attempts the trainers wrote that. */
function complained(
  told: Partial<RunSummary>,
  tried: Tried[],
  of: {
    excused?: boolean;
    retries?: number;
    exit?: number;
    stopTried?: boolean;
    seqs?: number[];
  } = {},
): string[] {
  const attempt = told.attempt ?? Math.max(1, tried.length);
  const summary = { attempt, exit_code: 0, exit_signal: '', last_seq: 2, why: '', ...told };
  const run = {
    plan: { retries: of.retries ?? 0, retriesFailures: false, trainer: { exit: of.exit ?? 0 } },
    seqs: of.seqs ?? [1, 2],
    attempts: Array.from({ length: attempt }, (_, index) => index + 1),
    stopTried: of.stopTried ?? false,
  } as unknown as ChaosRun;
  const journals = tried.map(({ exit, again = 0, overlaps = 0 }, index) => {
    const ends = exit === undefined ? [] : [{ exit }];
    return [index + 1, { again, overlaps, ends, problems: [] } as unknown as Journal] as const;
  });
  const found = runComplaints(run, summary as RunSummary, new Map(journals), of.excused ?? false);
  return found.map(([count]) => count);
}

const wrong = ['runs wrongly reported'];
const because = (code: string) => ({ code, text: '' });

test('a run that ended as its trainer wrote is not complained of', () => {
  assert.deepEqual(complained({ status: 'completed' }, [{ exit: 0 }]), []);
  const failed = {
    status: 'failed',
    exit_code: 7,
    failure_reason: because('exit_nonzero'),
  } as const;
  assert.deepEqual(complained(failed, [{ exit: 7 }], { exit: 7 }), []);
  assert.deepEqual(complained({ status: 'cancelled' }, [{}], { stopTried: true }), []);
  const lost = { status: 'lost', failure_reason: because('job_restarted') } as const;
  assert.deepEqual(complained(lost, [{}], { excused: true }), []);
  const again = { status: 'completed' } as const;
  assert.deepEqual(complained(again, [{}, { exit: 0 }], { excused: true, retries: 1 }), []);
});

test('an end that nobody wrote, or that nothing excuses, is wrong', () => {
  assert.deepEqual(complained({ status: 'completed' }, [{}]), wrong);
  assert.deepEqual(complained({ status: 'completed' }, [{ exit: 3 }]), wrong);
  assert.deepEqual(complained({ status: 'cancelled' }, [{}]), wrong);
  const lost = { status: 'lost', failure_reason: because('job_lost') } as const;
  assert.deepEqual(complained(lost, [{}]), wrong);
  // A signal of Slurm's is not the trainer's own failure.
  const signal = { status: 'failed', failure_reason: because('signal') } as const;
  assert.deepEqual(complained(signal, [{}], { excused: true }), wrong);
  assert.deepEqual(complained({ status: 'completed' }, [{}, { exit: 0 }], { retries: 1 }), wrong);
});

test('a second start, two attempts side by side, one too many and a gap are found', () => {
  const twice = ['runs started twice'];
  const completed = { status: 'completed' } as const;
  assert.deepEqual(complained(completed, [{ exit: 0, again: 1 }]), twice);
  const both = [{}, { exit: 0, overlaps: 1 }];
  assert.deepEqual(complained(completed, both, { excused: true, retries: 1 }), twice);
  assert.deepEqual(complained(completed, [{}, { exit: 0 }], { excused: true }), twice);
  assert.deepEqual(complained(completed, [{ exit: 0 }], { seqs: [2] }), ['event gaps']);
});
