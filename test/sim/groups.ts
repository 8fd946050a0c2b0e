/** Groups of runs: never more at once than they say, and nothing of one starts while it is stopped as a whole. */
import type { Transition } from './checker.ts';
import type { RunPlan } from './plan.ts';
import type { Stage } from './stage.ts';

export type GroupView = { plan: RunPlan; state: string };

export type Groups = {
  /** A transition that was committed just now. */
  take(t: Transition, runs: ReadonlyMap<string, GroupView>): void;
  /** A daemon begins to stop a group; returns what ends that. Its death ends it too. */
  stopping(group: string, runs: ReadonlyMap<string, GroupView>): () => void;
  /** The daemon is gone. */
  closed(): void;
};

export function createGroups({ violate }: Stage): Groups {
  /** Runs that must not start, each list as long as its stop lasts. */
  const stops = new Set<ReadonlySet<string>>();
  const membersOf = (group: string, runs: ReadonlyMap<string, GroupView>) =>
    [...runs].filter(([, { plan }]) => plan.config.group === group);

  return {
    take(t, runs) {
      if (t.event !== 'run.grant') return;
      const { group, at_once: most } = runs.get(t.run_id)?.plan.config ?? {};
      if (group === undefined) return;
      const live = membersOf(group, runs).filter(
        ([, { state }]) => !/^(queued|done\.)/.test(state),
      );
      if (most !== undefined && live.length > most)
        violate('order', `${t.run_id} begins as number ${live.length} of at most ${most} at once`);
      for (const stop of stops)
        if (stop.has(t.run_id)) violate('order', `${t.run_id} begins while its group is stopped`);
    },
    stopping(group, runs) {
      const members = membersOf(group, runs).filter(([, { state }]) => !state.startsWith('done.'));
      const stop = new Set(members.map(([runId]) => runId));
      stops.add(stop);
      return () => void stops.delete(stop);
    },
    closed: () => stops.clear(),
  };
}
