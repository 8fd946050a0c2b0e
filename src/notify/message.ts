/** What a hook is told, as JSON of one line (docs/notify.md). Fields are only ever added. */
import type { Notify, RunSummary } from '../contracts/index.ts';

export type NotifyEvent = Notify['on'][number] | 'test';

export type GroupTold = { name: string; runs: number; by_status: Record<string, number> };

export type NotifyMessage = {
  v: 1;
  /** The same each time that the same thing is told. */
  id: string;
  event: NotifyEvent;
  /** When it happened, RFC 3339 UTC. */
  at: string;
  yard: string;
  host: string;
  /** One line for people. */
  text: string;
  run?: Partial<RunSummary>;
  group?: GroupTold;
};

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
