/**
 * Feeds the recorded events of a run to today's chart, with all effects disabled, and compares each step.
 * What a record does not keep (instants, texts beyond their limit) is supplied; no guard looks at it.
 */
import { initialTransition, type SnapshotFrom, transition } from 'xstate';
import type { Instant } from './instant.ts';
import { quiet } from './quiet.ts';
import { runMachine } from './run.machine.ts';
import { stateOf } from './run.state.ts';
import type { RetryPolicy, RunEvent, RunInput } from './run.types.ts';

type Snapshot = SnapshotFrom<typeof runMachine>;

/** What of a RunEvent of the API, or of an event on the bus, is needed. */
export type RecordedEvent = {
  readonly seq: number;
  readonly attempt: number;
  readonly event: string;
  readonly from: string;
  readonly to: string;
  readonly detail_json?: string;
  readonly detail?: unknown;
};

/** The first step that today's chart does not take as it was taken then. */
export type Divergence = {
  readonly seq: number;
  readonly event: string;
  /** What differs: which of its fields, as recorded and as it is today. */
  readonly field: 'seq' | 'event' | 'from' | 'attempt' | 'to';
  readonly recorded: string;
  readonly today: string;
};

export type ReplayedStep = {
  readonly seq: number;
  readonly before: Snapshot;
  readonly event: RunEvent;
  readonly next: Snapshot;
};

export type Replay = {
  /** The steps that agree, in order; the submit, which made the run, is none. */
  readonly steps: readonly ReplayedStep[];
  readonly divergence: Divergence | null;
};

const nowhere: Instant = { boot_id: 'replay', mono_ms: 0, wall_ms: 0 };
/** No path depends on any of it: limits and deadlines come as events. */
const input: RunInput = {
  runId: 'replayed',
  stopSignal: 'SIGTERM',
  graceMs: 0,
  killPatienceMs: 0,
  timeLimitMs: null,
};

const chart = quiet(runMachine);

/** Replays a whole history, from the submit on. */
export function replay(history: readonly RecordedEvent[]): Replay {
  const steps: ReplayedStep[] = [];
  for (const { step, divergence } of replaying(history)) {
    if (divergence !== null) return { steps, divergence };
    if (step !== null) steps.push(step);
  }
  return { steps, divergence: null };
}

/** One of both; neither for the submit, which made the run. Nothing comes after a divergence. */
export type Replayed = {
  readonly step: ReplayedStep | null;
  readonly divergence: Divergence | null;
};

/** The same, record by record: a long history is a second of work. */
export function* replaying(history: readonly RecordedEvent[]): Generator<Replayed> {
  let [snapshot] = initialTransition(chart, { ...input, retry: policyOf(history[0]) });
  for (const [index, record] of history.entries()) {
    const found = index === 0 ? begun(record, snapshot) : taken(record, snapshot, index + 1);
    yield found;
    if (found.divergence !== null) return;
    snapshot = found.step?.next ?? snapshot;
  }
}

function diverges(
  { seq, event }: RecordedEvent,
  field: Divergence['field'],
  recorded: string | number,
  today: string | number,
): Replayed {
  const divergence = { seq, event, field, recorded: String(recorded), today: String(today) };
  return { step: null, divergence };
}

function begun(record: RecordedEvent, snapshot: Snapshot): Replayed {
  const { seq, event, to } = record;
  if (seq !== 1) return diverges(record, 'seq', seq, 1);
  if (event !== 'run.submit') return diverges(record, 'event', event, 'run.submit');
  if (to !== stateOf(snapshot)) return diverges(record, 'to', to, stateOf(snapshot));
  return { step: null, divergence: null };
}

function taken(record: RecordedEvent, snapshot: Snapshot, expected: number): Replayed {
  const { seq, attempt, from, to } = record;
  if (seq !== expected) return diverges(record, 'seq', seq, expected);
  if (from !== stateOf(snapshot)) return diverges(record, 'from', from, stateOf(snapshot));
  if (attempt !== snapshot.context.attempt)
    return diverges(record, 'attempt', attempt, snapshot.context.attempt);
  const event = eventOf(record, snapshot);
  if (event === null)
    return diverges(record, 'event', record.event, 'cannot be made of this detail');
  const [next] = transition(chart, snapshot, event);
  if (next.status === 'error') return diverges(record, 'to', to, `the chart failed: ${next.error}`);
  // Only what changed something was ever recorded.
  if (next === snapshot) return diverges(record, 'event', record.event, `ignored in ${from}`);
  if (to !== stateOf(next)) return diverges(record, 'to', to, stateOf(next));
  return { step: { seq, before: snapshot, event, next }, divergence: null };
}

/** The chart's event of a record; null when what decides its way was not kept. */
function eventOf(record: RecordedEvent, snapshot: Snapshot): RunEvent | null {
  const detail = detailOf(record);
  if (detail === null) return null;
  const { event: type } = record;
  if (type === 'trainer.exited' && typeof detail.exit !== 'object') return null;
  if (type === 'effect.failed' && detail.crashed === true) {
    // An effect that crashed itself: XState's own event, under the id of what was invoked.
    const id = String(detail.effect);
    if (!(id in snapshot.children)) return null;
    const error = new Error(String(detail.text));
    return { type: `xstate.error.actor.${id}`, actorId: id, error } as never;
  }
  return { now: nowhere, ...detail, type } as never;
}

/** By which policy the run was tried again: its first event says so. */
function policyOf(first: RecordedEvent | undefined): RetryPolicy | null {
  const detail = first === undefined ? null : detailOf(first);
  return (detail?.retry as RetryPolicy | undefined) ?? null;
}

function detailOf({ detail, detail_json }: RecordedEvent): Record<string, unknown> | null {
  const value: unknown = detail ?? (detail_json === undefined ? {} : parse(detail_json));
  return typeof value === 'object' && value !== null ? { ...value } : null;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
