/**
 * The spans of one run, made of its transitions in their order. A span is given out when it is complete,
 * never before, so that nobody has to mend one:
 *
 *   run ── attempt 1 ─┬─ queued
 *                     ├─ allocating ─┬─ preflight
 *                     │              └─ lease
 *                     ├─ running ────┬─ spawn
 *                     │              └─ live …
 *                     └─ stopping ───┬─ collect
 *                                    └─ releasing
 *
 * Each transition is the event of exactly one span: of the innermost state that it found the run in, and the
 * first one of the run's own. Nothing is taken from anywhere but the rows: built twice, a span is the same.
 */
import { clusterPlace } from '../../slots.ts';
import { attemptSpanId, runSpanId, type TraceOf, visitSpanId } from '../trace-ids.ts';
import { detailOf, eventOf, type TransitionSeen } from './events.ts';
import type { Attributes, Span, SpanEvent, SpanLink } from './span.ts';

/** What is told of a run beside its transitions. */
export type RunSeen = TraceOf & {
  /** Span id of whoever submitted it; empty: nobody named one. */
  callerId: string;
  name: string;
  user: string;
  project: string;
  group: string;
  /** Of the run that it is a retry of, or that began its group. */
  links: readonly { kind: 'retry_of' | 'group'; traceId: string; runId: string }[];
};

export type Trail = {
  /**
   * The transition after the last one taken. Returns the spans that it completes, the innermost first. `reason`:
   * of a run that this transition ends, why it did not complete.
   */
  take(row: TransitionSeen, reason?: EndReason | null): Span[];
  /** The last transition that was taken; 0: none. */
  seq(): number;
};

export type EndReason = { code: string; text: string };

type Visit = { state: string; seq: number; startMs: number; events: SpanEvent[] };
type Attempt = { attempt: number; startMs: number; attributes: Attributes; place: Attributes };

/** States whose spans are called by what is done in them. */
const names: Readonly<Record<string, string>> = {
  'allocating.leasing': 'lease',
  'running.starting': 'spawn',
  'stopping.collecting': 'collect',
};

export function createTrail(run: RunSeen): Trail {
  const visits: Visit[] = [];
  const submitted: SpanEvent[] = [];
  let seq = 0;
  let nowMs = 0;
  let startMs = 0;
  let attempt: Attempt = { attempt: 1, startMs: 0, attributes: {}, place: {} };
  const about: Attributes = {
    'runyard.run.id': run.runId,
    'runyard.run.name': run.name,
    'user.name': run.user,
    ...(run.project === '' ? {} : { 'runyard.run.project': run.project }),
    ...(run.group === '' ? {} : { 'runyard.run.group': run.group }),
  };

  const span = (own: Partial<Span> & Pick<Span, 'spanId' | 'name' | 'startMs'>): Span => ({
    traceId: run.traceId,
    parentId: '',
    parentIsRemote: false,
    endMs: nowMs,
    attributes: {},
    events: [],
    links: [],
    error: null,
    ...own,
  });
  /** Ends the visits from a depth on, the innermost first. */
  const leave = (depth: number): Span[] => {
    const ended: Span[] = [];
    while (visits.length > depth) {
      const visit = visits.pop() as Visit;
      const outer = visits.at(-1);
      ended.push(
        span({
          spanId: visitSpanId(run, visit.seq, visit.state),
          parentId:
            outer === undefined
              ? attemptSpanId(run, attempt.attempt)
              : visitSpanId(run, outer.seq, outer.state),
          name: names[visit.state] ?? visit.state.split('.').at(-1) ?? visit.state,
          startMs: visit.startMs,
          attributes: {
            'runyard.run.id': run.runId,
            'runyard.attempt': attempt.attempt,
            'runyard.state': visit.state,
            ...attempt.place,
          },
          events: visit.events,
        }),
      );
    }
    return ended;
  };
  const enter = (path: readonly string[]): void => {
    for (const state of path.slice(visits.length))
      visits.push({ state, seq, startMs: nowMs, events: [] });
  };
  const endAttempt = (end: End): Span => {
    const { attempt: n } = attempt;
    return span({
      spanId: attemptSpanId(run, n),
      parentId: runSpanId(run),
      name: 'attempt',
      startMs: attempt.startMs,
      attributes: {
        'runyard.run.id': run.runId,
        'runyard.attempt': n,
        ...attempt.attributes,
        ...attempt.place,
        ...end.attributes,
      },
      links: n === 1 ? [] : [previous(run, n - 1)],
      error: end.error,
    });
  };
  /** What an attempt's own span tells of how it went. */
  const note = (row: TransitionSeen): void => {
    const { slots, pid, exit, at } = detailOf(row);
    const { attributes } = attempt;
    if (row.event === 'slots.leased' && Array.isArray(slots)) {
      attributes['runyard.slots'] = slots.map(String);
      attempt.place = placeOf(slots.map(String));
    }
    if (row.event === 'trainer.started' && Number(pid) > 0) {
      attributes['process.pid'] = Number(pid);
      attributes['runyard.started_at'] = String(at ?? row.at);
    }
    if (row.event !== 'trainer.exited') return;
    const { code, signal } = (exit ?? {}) as { code?: number; signal?: string };
    if (code !== undefined) attributes['process.exit.code'] = code;
    if (signal !== undefined) attributes['runyard.exit.signal'] = signal;
  };

  return {
    seq: () => seq,
    take(row, reason = null) {
      seq = row.seq;
      // The wall clock may have been set back in between.
      nowMs = Math.max(nowMs, Date.parse(row.at) || 0);
      const event = eventOf(row, nowMs);
      if (seq === 1) {
        startMs = nowMs;
        attempt.startMs = nowMs;
      }
      (visits.at(-1)?.events ?? submitted).push(event);
      note(row);
      const path = pathOf(row.to_state);
      const isDone = path[0] === 'done';
      // Another attempt begins only where one has ended.
      const isNext = row.to_state === 'queued' && row.from_state.startsWith('stopping');
      const kept = isDone || isNext ? 0 : commonDepth(visits, path);
      const ended = leave(kept);
      if (isDone || isNext) ended.push(endAttempt(endOf(row, reason)));
      if (isNext) attempt = { attempt: row.attempt + 1, startMs: nowMs, attributes: {}, place: {} };
      if (!isDone) {
        enter(path);
        return ended;
      }
      const end = endOf(row, reason);
      ended.push(
        span({
          spanId: runSpanId(run),
          parentId: run.callerId,
          parentIsRemote: run.callerId !== '',
          name: 'run',
          startMs,
          attributes: { ...about, 'runyard.attempts': attempt.attempt, ...end.attributes },
          events: submitted,
          links: run.links.map(linkTo),
          error: end.error,
        }),
      );
      return ended;
    },
  };
}

type End = { attributes: Attributes; error: string | null };

/** Where a cluster executes it, from when that is known; nothing for this machine, which the resource names. */
function placeOf(slots: readonly string[]): Attributes {
  const place = clusterPlace(slots);
  return place === null ? {} : { 'runyard.node': place.node, 'runyard.slurm.job': place.job };
}

/** How an attempt ended, by the transition that ended it; `reason` of the whole run. */
function endOf(row: TransitionSeen, reason: EndReason | null): End {
  const { ended } = detailOf(row) as { ended?: { status: string; code: string; text: string } };
  const status = ended?.status ?? row.to_state.split('.')[1] ?? 'voided';
  const { code = status, text = status } = ended ?? reason ?? {};
  const isError = status !== 'completed' && status !== 'cancelled';
  return {
    attributes: {
      'runyard.status': status,
      ...(status === 'completed' ? {} : { 'runyard.reason': text }),
      ...(isError ? { 'error.type': code } : {}),
    },
    error: isError ? text : null,
  };
}

/** `running`, `running.paused`, `running.paused.asked`. */
function pathOf(state: string): string[] {
  const parts = state.split('.');
  return parts.map((_, index) => parts.slice(0, index + 1).join('.'));
}

function commonDepth(visits: readonly Visit[], path: readonly string[]): number {
  let depth = 0;
  while (depth < visits.length && visits[depth]?.state === path[depth]) depth += 1;
  return depth;
}

function previous(run: TraceOf, attempt: number): SpanLink {
  const attributes = { 'runyard.link': 'previous_attempt' };
  return { traceId: run.traceId, spanId: attemptSpanId(run, attempt), attributes };
}

function linkTo({ kind, ...other }: RunSeen['links'][number]): SpanLink {
  return {
    traceId: other.traceId,
    spanId: runSpanId(other),
    attributes: { 'runyard.link': kind, 'runyard.run.id': other.runId },
  };
}
