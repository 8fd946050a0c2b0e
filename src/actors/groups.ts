/** Groups of runs: counted in the registry, watched while they change, and stopped as a whole. */
import type { GroupState, GroupSummary, GroupsPort } from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import type { RunStore } from '../persistence/index.ts';
import type { Clock } from '../telemetry/index.ts';
import type { Breath } from './breath.ts';
import type { Supervisor } from './supervisor.ts';

export type GroupsOptions = {
  store: RunStore;
  supervisor: Supervisor;
  clock: Clock;
  synced: () => Promise<void>;
  breath: Breath;
  /** Calls when transitions of any run have become durable, until what it returns is called. */
  onYard: (wake: () => void) => () => void;
  /** Told of a run whose stop was stored. */
  stopAsked: (runId: string) => void;
};

/** How often whoever watches is told of changes at most. */
const toldEveryMs = 250;

export function createGroups(options: GroupsOptions): GroupsPort {
  const { store, supervisor, clock, synced, onYard } = options;

  const summary = (group: string): GroupSummary => {
    const found = summaryOf(store, group);
    if (found !== null) return found;
    throw new RunyardError('run_not_found', `no run is in the group "${group}"`);
  };

  return {
    *groups(filter) {
      for (const name of store.groupNames(filter)) {
        const found = summaryOf(store, name);
        if (found !== null) yield found;
      }
    },

    async *watchGroup({ group, until_done: untilDone, once }, signal) {
      let shown = '';
      const left = new AbortController();
      const over = AbortSignal.any([signal, left.signal]);
      try {
        while (!signal.aborted) {
          // Before the look: what comes after it wakes us.
          const changed = change(onYard, over);
          const now = summary(group);
          const text = JSON.stringify(now);
          const ended = now.finished_at !== '';
          if (ended && text !== shown) await synced();
          if (text !== shown) yield now;
          if (once || (untilDone && ended)) return;
          shown = text;
          await changed;
          await new Promise<void>((resolve) => clock.after(toldEveryMs, resolve));
        }
      } finally {
        left.abort();
      }
    },

    async *stopGroup({ group, user, reason, now: skipGrace }) {
      yield summary(group);
      const asked = new Set<string>();
      let toldMs = clock.now().mono_ms;
      for (;;) {
        // Those that come into the group meanwhile are found by the next look.
        const wanted = store.groupUnstopped(group).filter(({ run_id }) => !asked.has(run_id));
        if (wanted.length === 0) break;
        // Live ones too: one that fails meanwhile might be tried again before its own stop comes.
        const goOn = supervisor.standAside(wanted.map(({ run_id }) => run_id));
        try {
          for (const { run_id: runId } of wanted) {
            asked.add(runId);
            const [at, now] = [clock.iso(), clock.now()];
            supervisor.send(runId, { type: 'run.stop', user, reason, at, skipGrace, now });
            options.stopAsked(runId);
            await options.breath();
            const nowMs = clock.now().mono_ms;
            if (nowMs - toldMs < toldEveryMs) continue;
            toldMs = nowMs;
            yield summary(group);
          }
        } finally {
          goOn();
        }
      }
      await synced();
      yield summary(group);
    },
  };
}

/** Resolves at the next change, and when the watcher goes. */
function change(onYard: GroupsOptions['onYard'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      release();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const release = onYard(end);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Null when no run is in it. */
function summaryOf(store: RunStore, group: string): GroupSummary | null {
  const counts = store.groupCounts(group);
  const filter = { all: true, user: '', status: '', group, limit: 1 };
  const [newest] = counts.length === 0 ? [] : store.list(filter);
  if (newest === undefined) return null;
  const superseded = store.groupSuperseded(group);
  const of = (status: string): number => runsOf(counts, status) - runsOf(superseded, status);
  const queued = of('queued');
  const numbers = {
    queued,
    held: queued === 0 ? 0 : store.groupHeld(group),
    allocating: of('allocating'),
    running: of('running'),
    stopping: of('stopping'),
    completed: of('completed'),
    failed: of('failed'),
    cancelled: of('cancelled'),
    rejected: of('rejected'),
    lost: of('lost'),
  };
  const state = stateOf(numbers);
  const texts = (key: 'submitted_at' | 'started_at' | 'finished_at'): string[] =>
    counts.flatMap((each) => each[key] ?? []).sort();
  const over = !['queued', 'running'].includes(state);
  return {
    group,
    state,
    runs: total(counts) - total(superseded),
    ...numbers,
    superseded: total(superseded),
    at_once: (JSON.parse(newest.config) as { at_once?: number }).at_once ?? 0,
    user: newest.user,
    project: newest.project,
    submitted_at: texts('submitted_at')[0] ?? '',
    started_at: texts('started_at')[0] ?? '',
    finished_at: over ? (texts('finished_at').at(-1) ?? '') : '',
  };
}

type Count = { status: string; runs: number };

function runsOf(counts: readonly Count[], status: string): number {
  return counts.find((each) => each.status === status)?.runs ?? 0;
}

function total(counts: readonly Count[]): number {
  return counts.reduce((sum, { runs }) => sum + runs, 0);
}

type Numbers = Record<
  | ('queued' | 'allocating' | 'running' | 'stopping')
  | ('failed' | 'rejected' | 'lost' | 'cancelled'),
  number
>;

/** A group has failed when a run of it has, and none is under way any more. */
function stateOf(of: Numbers): GroupState {
  if (of.allocating + of.running + of.stopping > 0) return 'running';
  if (of.queued > 0) return 'queued';
  if (of.failed + of.rejected + of.lost > 0) return 'failed';
  return of.cancelled > 0 ? 'cancelled' : 'completed';
}
