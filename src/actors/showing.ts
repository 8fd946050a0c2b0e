/** What is shown of runs to people: where a run was when, and what it was given. */
import type {
  AttemptSeen,
  RetentionPort,
  RunEvent,
  RunSummary,
  ShowingPort,
  Transition,
} from '../contracts/index.ts';
import { RunyardError } from '../errors.ts';
import { type ReplayedStep, replaying } from '../machines/index.ts';
import type { RunRow, RunStore } from '../persistence/index.ts';
import type { Breath } from './breath.ts';
import { attemptOf } from './lookup.ts';

type ShowingOptions = {
  store: RunStore;
  rowOf: (ref: string) => RunRow;
  summary: (row: RunRow) => RunSummary;
  durablePos: () => number;
  onYard: (wake: () => void) => () => void;
  retention: RetentionPort;
  breath: Breath;
};

/** More events than any run has. */
const eventsMost = 100_000;

export function createShowing(options: ShowingOptions): ShowingPort {
  const { store, rowOf, summary, durablePos, retention, breath } = options;
  const eventsOf = ({ run_id: runId }: RunRow): RunEvent[] =>
    store.events(runId, 1, durablePos(), eventsMost);
  return {
    details(ref) {
      const row = rowOf(ref);
      return {
        run: summary(row),
        config_json: row.config,
        attempts: attemptsSeen(eventsOf(row)),
      };
    },
    transitions: (ref) => transitionsOf(eventsOf(rowOf(ref)), breath),
    yardPos: durablePos,
    yardEvents: (afterPos, limit) => store.yardEvents(afterPos, durablePos(), limit),
    onYard: options.onYard,
    readArtifact({ run, attempt, name, offset, length }, signal) {
      const which = attemptOf(rowOf(run), attempt);
      for (const item of retention.artifacts(which)) {
        // Only what the list has can be named, so that no name leads anywhere else.
        if (item.name === name) return retention.read(item, { offset, length }, signal);
      }
      throw notThere(which, name);
    },
  };
}

function notThere(which: { runId: string; attempt: number }, name: string): Error {
  return new RunyardError(
    'artifact_not_found',
    `attempt ${which.attempt} of run ${which.runId} has no artifact ${JSON.stringify(name.slice(0, 200))}; see: runyard artifacts ${which.runId}`,
  );
}

/**
 * Every event with what the chart knew after it, as far as today's chart goes the same way. A run may have
 * thousands of events, and each costs a fifth of a millisecond: others are let in between.
 */
async function* transitionsOf(
  events: readonly RunEvent[],
  breath: Breath,
): AsyncGenerator<Transition> {
  const replayed = replaying(events);
  for (const event of events) {
    const step = replayed.next().value?.step;
    yield step == null ? { event, context_json: '', begun: [], ended: [] } : shownStep(event, step);
    await breath();
  }
}

function shownStep(event: RunEvent, step: ReplayedStep): Transition {
  const [before, after] = [effectsOf(step.before), effectsOf(step.next)];
  return {
    event,
    context_json: JSON.stringify(knownIn(step.next)),
    begun: after.filter((effect) => !before.includes(effect)),
    ended: before.filter((effect) => !after.includes(effect)),
  };
}

function effectsOf(snapshot: ReplayedStep['next']): string[] {
  return Object.keys(snapshot.children);
}

/** Instants and limits are not recorded, so that a replay does not know them. */
function knownIn({ context }: ReplayedStep['next']): object {
  const { attempt, voids, slots, stop, hold = null, pause, exit, outcome } = context;
  return { attempt, voids, slots, stop, hold, pause, exit, outcome };
}

const nothing: AttemptSeen = {
  attempt: 0,
  slots: [],
  began_at: '',
  started_at: '',
  pid: 0,
  ended_at: '',
  exit_kind: '',
  exit_code: 0,
  exit_signal: '',
};

/** The attempts of a run, from its events. */
export function attemptsSeen(events: readonly RunEvent[]): AttemptSeen[] {
  const attempts = new Map<number, AttemptSeen>();
  for (const { event, attempt, at, detail_json: json } of events) {
    if (attempt === 0) continue;
    const seen = attempts.get(attempt) ?? { ...nothing, attempt };
    const detail = JSON.parse(json) as Record<string, unknown>;
    const change = changeOf(event, detail, at);
    // One that waits for its slots has not begun.
    if (change !== null) attempts.set(attempt, { ...seen, ...change });
  }
  return [...attempts.values()];
}

function changeOf(
  event: string,
  detail: Record<string, unknown>,
  at: string,
): Partial<AttemptSeen> | null {
  const when = typeof detail.at === 'string' ? detail.at : at;
  switch (event) {
    case 'slots.leased':
      return { slots: Array.isArray(detail.slots) ? detail.slots.map(String) : [], began_at: at };
    case 'trainer.started':
      return { started_at: when, pid: Number(detail.pid ?? 0) };
    case 'trainer.exited': {
      const exit = (detail.exit ?? {}) as { kind?: string; code?: number; signal?: string };
      const { kind = '', code = 0, signal = '' } = exit;
      return { ended_at: when, exit_kind: kind, exit_code: code, exit_signal: signal };
    }
    case 'trainer.vanished':
      return { ended_at: when, exit_kind: 'vanished' };
    default:
      return null;
  }
}
