/**
 * Decides which waiting runs may start. Pure: state in, decisions and reasons out; no clock, no I/O.
 *
 *   A1  A GPU is held whole by one run, or in numbered shares whose sum, in shares and in memory, is at most
 *       the GPU. A run gets all that it asks for or nothing.
 *   A2  Runs are looked at by priority, then by position. What the first one that has to wait needs is kept
 *       for it: nobody behind it can put off its start (decision 50).
 *   A3  Whoever waits for something behind it is given none of that either. What nobody before it waits
 *       for, it gets.
 *   A4  No limit of a user, a project or a group is exceeded; what is left of one is kept for its first that waits.
 *   A5  A run that cannot start however many others end (held, too early, too large for the yard) keeps
 *       nothing from anybody.
 *   A6  The verdict about a run is made by the same walk as the grants.
 *
 * Deliberately absent, each with its place: fair share with decay would be another `compare`; backfill
 * another case of `tally.keep`, for runs with a time limit; preemption a verdict of its own; a foreign
 * process that is adopted would be a holding.
 */
import type { Dependency, Said, Waiting } from './request.ts';
import { createTally, type Supply, type Tally } from './tally.ts';
import type { Ending, Fate, Verdict } from './verdict.ts';

export type AllocatorState = Supply & {
  /** In order: by `compare`. */
  readonly queue: readonly Waiting[];
  /** Nothing is started at all; null: it is. */
  readonly drained: Said | null;
  /** How a run that others wait for has ended. */
  readonly fate: (runId: string) => Fate;
  /** The monotonic clock now, for those that wait for another attempt. */
  readonly monoMs?: number;
};

export type Grant = { readonly runId: string; readonly slots: readonly string[] };
export type Decision = {
  /** In order. */
  readonly grants: readonly Grant[];
  /** Runs whose dependencies can never be fulfilled. */
  readonly endings: readonly Ending[];
  /** When something may change by time alone; null: never. */
  readonly wakeAtMs: number | null;
};

/** What is to be done now. */
export function decide(state: AllocatorState, nowMs: number): Decision {
  return walk(state, nowMs, null);
}

/** The same, and the verdict about each waiting run: for people, who ask more rarely than things happen. */
export function explain(state: AllocatorState, nowMs: number): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  walk(state, nowMs, { only: null, note: (runId, verdict) => verdicts.set(runId, verdict) });
  return verdicts;
}

/** The verdict about one run alone, for less; undefined when it does not wait. */
export function explainOne(
  state: AllocatorState,
  nowMs: number,
  runId: string,
): Verdict | undefined {
  let found: Verdict | undefined;
  const note = (_: string, verdict: Verdict): void => {
    found = verdict;
  };
  walk(state, nowMs, { only: runId, note });
  return found;
}

/** Who wants to be told of verdicts, and about which run: null is all. */
type Asked = { only: string | null; note: (runId: string, verdict: Verdict) => void } | null;

function walk(state: AllocatorState, nowMs: number, asked: Asked): Decision {
  const tally = createTally(state);
  const grants: Grant[] = [];
  const endings: Ending[] = [];
  let wakeAtMs: number | null = null;
  for (const waiting of state.queue) {
    const { runId, dependencies } = waiting;
    const wanted = asked !== null && (asked.only === null || asked.only === runId);
    if (dependencies.length > 0) {
      const verdict = dependencyOf(dependencies, state.fate);
      if (verdict !== null) {
        if (verdict.kind === 'hopeless') endings.push({ runId, verdict });
        if (wanted) asked.note(runId, verdict);
        continue;
      }
    }
    const early = tooEarly(waiting, nowMs, state.monoMs ?? 0);
    if (early !== null) wakeAtMs = Math.min(wakeAtMs ?? Number.POSITIVE_INFINITY, early.atMs);
    // Nobody wants to know why it gets nothing, nor how many stand before whom.
    if (asked === null && tally.isPointless(waiting)) continue;
    const verdict = notInLine(waiting, state.drained, early) ?? judge(tally, waiting, wanted);
    if (verdict === null) continue;
    if (verdict.kind === 'starts') grants.push({ runId, slots: verdict.slots });
    if (wanted) asked.note(runId, verdict);
    if (wanted && asked.only !== null) break;
  }
  return { grants, endings, wakeAtMs };
}

type Early = Verdict & { kind: 'later' | 'backoff' };

/** What has to come first is a point in time. */
function tooEarly(waiting: Waiting, nowMs: number, monoMs: number): Early | null {
  const { startAfterMs, backoff } = waiting;
  if (startAfterMs !== null && startAfterMs > nowMs) return { kind: 'later', atMs: startAfterMs };
  if (backoff == null || backoff.monoMs <= monoMs) return null;
  const { attempt, ended } = backoff;
  return { kind: 'backoff', atMs: nowMs + backoff.monoMs - monoMs, attempt, ended };
}

/** What keeps it from standing in line, whatever the yard has. */
function notInLine({ hold }: Waiting, drained: Said | null, early: Early | null): Verdict | null {
  if (hold !== null) return { kind: 'held', ...hold };
  if (early !== null) return early;
  return drained === null ? null : { kind: 'drained', ...drained };
}

function judge(tally: Tally, waiting: Waiting, wanted: boolean): Verdict | null {
  const lacks = tally.lacks(waiting);
  if (lacks !== null) return { kind: 'impossible', lacks };
  const limit = tally.limit(waiting);
  if (limit !== null) return limit;
  const slots = tally.take(waiting);
  return slots === null ? tally.keep(waiting, wanted) : { kind: 'starts', slots };
}

/** The first dependency that can never be fulfilled, else the first that is not; null: all are. */
function dependencyOf(
  dependencies: readonly Dependency[],
  fateOf: AllocatorState['fate'],
): (Verdict & { kind: 'hopeless' | 'after' }) | null {
  let open: Dependency | null = null;
  let more = -1;
  for (const { run, on } of dependencies) {
    const fate = fateOf(run);
    if (fate === 'open') {
      open ??= { run, on };
      more += 1;
    } else if (on !== 'any' && fate !== on) return { kind: 'hopeless', run, on, fate };
  }
  return open === null ? null : { kind: 'after', ...open, more };
}
