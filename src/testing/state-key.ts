/** When two snapshots of a run count as the same state of a model. */
import type { SnapshotFrom } from 'xstate';
import type { runMachine } from '../machines/index.ts';

/**
 * For `serializeState` of `xstate/graph`. Two snapshots with this in common behave alike; texts and instants in
 * them may differ, without which there would be no end of states.
 */
export function runStateKey({
  value,
  context,
}: Pick<SnapshotFrom<typeof runMachine>, 'value' | 'context'>): string {
  const { voids, retries, stop, lateStop, pause, outcome, exit, cause } = context;
  const asked = [stop, lateStop, pause, context.retry].map((each) => each !== null);
  // How it exited decides nothing of such a policy; the guess about it does.
  const seen = context.retry === null ? exit : [exit !== null, cause?.code];
  return JSON.stringify([value, voids, retries, asked, outcome?.code, seen]);
}
