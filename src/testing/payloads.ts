/** Every event that the run chart knows: at least one of each type, several where guards tell them apart. */
import type { SnapshotFrom } from 'xstate';
import type { RetryPolicy, RunEvent, RunInput, runMachine } from '../machines/index.ts';

const now = { boot_id: 'b', mono_ms: 1, wall_ms: 1 };
const at = '2026-01-01T00:00:00.000Z';
const asked = { user: 'ana', reason: 'wrong lr', at };

/** By type. The compiler holds that none is missing. */
export const runPayloads: {
  readonly [T in RunEvent['type']]: readonly Extract<RunEvent, { type: T }>[];
} = {
  'run.grant': [{ type: 'run.grant', slots: ['g0'] }],
  'run.stop': [
    { type: 'run.stop', ...asked, now, skipGrace: false },
    { type: 'run.stop', ...asked, now, skipGrace: true },
  ],
  'run.refuse': [{ type: 'run.refuse', code: 'dependency_failed', text: 'x7 failed' }],
  'run.hold': [{ type: 'run.hold', ...asked }],
  'run.release': [{ type: 'run.release', ...asked }],
  'run.pause': [{ type: 'run.pause', ...asked }],
  'run.resume': [{ type: 'run.resume', ...asked }],
  'preflight.passed': [{ type: 'preflight.passed' }],
  'preflight.failed': [{ type: 'preflight.failed', code: 'preflight_failed', text: 'no cwd' }],
  'slots.leased': [{ type: 'slots.leased', slots: ['g0'], now }],
  'slots.refused': [{ type: 'slots.refused', text: 'taken' }],
  'slots.released': [{ type: 'slots.released', now }],
  'leftovers.survived': [{ type: 'leftovers.survived' }],
  'launch.failed': [{ type: 'launch.failed', code: 'launch_failed', text: 'x', now }],
  'start.timed_out': [{ type: 'start.timed_out', now }],
  'attempt.voided': [{ type: 'attempt.voided' }],
  'attempt.lost': [{ type: 'attempt.lost', text: 'removed' }],
  'trainer.started': [{ type: 'trainer.started', pid: 1, at }],
  'trainer.exited': [
    { type: 'trainer.exited', exit: { kind: 'exited', code: 0 }, at },
    { type: 'trainer.exited', exit: { kind: 'exited', code: 3 }, at },
    { type: 'trainer.exited', exit: { kind: 'signaled', signal: 'SIGTERM' }, at },
  ],
  'trainer.vanished': [{ type: 'trainer.vanished', text: 'gone' }],
  'trainer.paused': [{ type: 'trainer.paused' }],
  'trainer.resumed': [{ type: 'trainer.resumed' }],
  'trainer.stalled': [{ type: 'trainer.stalled', text: 'silent', now }],
  'allocation.ended': [
    { type: 'allocation.ended', status: 'lost', code: 'node_failed', text: 'node2 failed' },
  ],
  'allocation.expiring': [{ type: 'allocation.expiring', text: 'its time is over', now }],
  'rule.met': [{ type: 'rule.met', text: 'return 12 below 50', now }],
  'recorder.lost': [{ type: 'recorder.lost', now }],
  'machine.rebooted': [{ type: 'machine.rebooted' }],
  'worker.silent': [{ type: 'worker.silent' }],
  'worker.heard': [{ type: 'worker.heard' }],
  'limit.reached': [{ type: 'limit.reached', now }],
  'grace.ended': [{ type: 'grace.ended', now }],
  'kill.timed_out': [{ type: 'kill.timed_out' }],
  'output.collected': [
    { type: 'output.collected', manifest: '', artifacts: 0, last_metric: '' },
    {
      type: 'output.collected',
      manifest: '',
      artifacts: 0,
      last_metric: '',
      cause: { code: 'cuda_out_of_memory', text: 'CUDA out of memory' },
    },
  ],
  'effect.failed': [{ type: 'effect.failed', effect: 'x', text: 'y' }],
};

/** A run that is never tried again. Durations in milliseconds. */
export const runInput: RunInput = {
  runId: 'aaaaaaaa',
  stopSignal: 'SIGTERM',
  graceMs: 10,
  killPatienceMs: 10,
  timeLimitMs: 100,
};

/** For a run that is tried again, once: `{ ...runInput, retry: runRetry }`. */
export const runRetry: RetryPolicy = {
  max: 1,
  on: ['oom', 'stall', 'launch'],
  backoffMs: 1000,
  factor: 2,
  backoffMaxMs: 60_000,
};

const always: readonly RunEvent[] = Object.values(runPayloads).flat();

/** All that can come in a state: every payload, and the crash of each effect that is under way there. */
export function runEventsIn({
  children,
}: Pick<SnapshotFrom<typeof runMachine>, 'children'>): readonly RunEvent[] {
  const crashes = Object.keys(children).map(
    (id) =>
      // XState's own event, which no type of ours names.
      ({
        type: `xstate.error.actor.${id}`,
        error: new Error('crashed'),
        actorId: id,
      }) as never as RunEvent,
  );
  return [...always, ...crashes];
}
