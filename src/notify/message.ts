/** The words of what a hook is told; its shape is in schemas/notify-message.v1.schema.json. */
import type { NotifyMessage, RunSummary } from '../contracts/index.ts';

export type GroupTold = NonNullable<NotifyMessage['group']>;

/** `ppo-s1 (k3f9a2mx) failed: CUDA out of memory`. */
export function runText(run: Pick<RunSummary, 'name' | 'run_id' | 'status' | 'why'>): string {
  const why = run.why === '' || run.status === 'completed' ? '' : `: ${run.why}`;
  return `${run.name} (${run.run_id}) ${run.status}${why}`;
}

/** `group dqn-7q is over: 5 completed, 1 failed`. */
export function groupText({ name, by_status }: GroupTold): string {
  const counts = Object.entries(by_status).map(([status, runs]) => `${runs} ${status}`);
  return `group ${name} is over: ${counts.join(', ')}`;
}
