/** Where runs are looked at: the daemon, or with `--offline` the state directory alone. */
import type { TrainerClient } from '../client/index.ts';
import type { Context } from './context.ts';

/** Without a daemon nobody says what was measured. */
export type Source = Pick<TrainerClient, 'list' | 'get' | 'events'> &
  Partial<Pick<TrainerClient, 'metricKeys'>>;

/** The daemon, or what lies in the state directory, told apart for people. */
export async function sourceOf(
  context: Context,
  { offline }: { offline?: boolean },
): Promise<Source> {
  if (offline !== true) return context.connect();
  const found = await context.offline();
  if (!context.json) {
    const where = found.source === 'registry' ? '' : `; from the run directories: ${found.why}`;
    const daemon = found.daemonPid === 0 ? 'no daemon' : `daemon ${found.daemonPid} not asked`;
    context.terminal.note(context.terminal.paint('dim', `offline, ${daemon}${where}`));
  }
  return found;
}
