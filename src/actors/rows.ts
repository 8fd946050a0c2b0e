/** What a transition of the chart means for a run's row and its event. */
import type { SnapshotFrom } from 'xstate';
import {
  type RunContext,
  type RunInput,
  type runMachine,
  runMachineVersion,
  stateOf,
} from '../machines/index.ts';
import type { RunPatch } from '../persistence/index.ts';
import { fitted } from '../small.ts';
import { retriedOf } from './retrying.ts';

type Snapshot = SnapshotFrom<typeof runMachine>;

/** Bytes of a text that goes into an event: control messages stay under 4,096 bytes. */
const textMax = 1000;

/** `noun.verb` of an event; XState's own name for a crashed effect is translated. */
export function eventName(event: { type: string }): string {
  return event.type.startsWith('xstate.error.') ? 'effect.failed' : event.type;
}

/**
 * The event's own data, small enough for a control message. Where the run goes on with another attempt,
 * also how this one `ended`, and when the next begins.
 */
export function detailOf(
  event: { type: string },
  after?: { before: Snapshot; after: Snapshot },
): Record<string, unknown> {
  const { type, ...data } = event as Record<string, unknown> & { type: string };
  if (type.startsWith('xstate.error.')) {
    // `crashed` tells it from a fact of that name: a replay takes the chart's other arrow.
    return fitted({
      effect: type.split('.').at(-1),
      text: cut(String(data.error)),
      crashed: true,
    });
  }
  delete data.now;
  const texts = Object.entries(data).map(([key, value]) => [
    key,
    typeof value === 'string' ? cut(value) : value,
  ]);
  return fitted({ ...Object.fromEntries(texts), ...(after === undefined ? {} : endedOf(after)) });
}

/** Of a run's first event: who submitted it, and by which policy it is tried again. */
export function submitDetail(user: string, { retry }: RunInput): Record<string, unknown> {
  return { user, ...(retry == null ? {} : { retry }) };
}

function endedOf({ before, after }: { before: Snapshot; after: Snapshot }): object {
  const ended = retriedOf(before, after, '');
  if (ended === null) return {};
  const { status, code, text } = ended;
  const { notBefore } = after.context;
  return {
    ended: { status, code, text: cut(text) },
    ...(notBefore === null ? {} : { next_at: new Date(notBefore.wall_ms).toISOString() }),
  };
}

/** At most so many bytes of it, written as JSON: there a control character takes six. */
export function cut(text: string, maxBytes: number = textMax): string {
  if (6 * text.length <= maxBytes) return text;
  let bytes = 0;
  let kept = '';
  for (const character of text) {
    bytes += Buffer.byteLength(JSON.stringify(character)) - 2;
    if (bytes > maxBytes) return `${kept}…`;
    kept += character;
  }
  return text;
}

/** The columns that a transition changes. */
export function rowOf(transition: {
  before: Snapshot;
  after: Snapshot;
  event: { type: string };
  at: string;
  snapshot: string | null;
}): RunPatch {
  const { after, event, at, snapshot } = transition;
  const { context } = after;
  const state = stateOf(after);
  const done = state.startsWith('done.');
  const patch: RunPatch = {
    state,
    status: done ? state.slice('done.'.length) : (state.split('.')[0] ?? state),
    attempt: context.attempt,
    gpu_slot: JSON.stringify(context.slots),
    exit: json(context.exit),
    stop: json(context.stop ?? context.lateStop),
    pause: json(context.pause),
    hold: json(context.hold ?? null),
    machine_version: runMachineVersion,
    snapshot,
  };
  if (context.attempt > transition.before.context.attempt) {
    patch.pid = null;
    patch.failure_cause = null;
  }
  if (event.type === 'trainer.started' && 'pid' in event) {
    patch.pid = Number(event.pid);
    patch.started_at = 'at' in event ? String(event.at) : at;
  }
  if (event.type === 'output.collected' && 'manifest' in event) {
    patch.artifact_manifest = String(event.manifest) || null;
    patch.failure_cause = 'cause' in event && event.cause ? json(event.cause) : null;
    if ('last_metric' in event && event.last_metric) patch.last_metric = String(event.last_metric);
  }
  if (done) {
    patch.finished_at = at;
    patch.failure_reason = json(reasonOf(state, context));
  }
  return patch;
}

function reasonOf(state: string, context: RunContext): { code: string; text: string } | null {
  if (state === 'done.completed' && context.outcome?.code === 'completed') return null;
  if (state === 'done.cancelled') {
    const { stop } = context;
    const why = stop?.reason ? `: ${stop.reason}` : '';
    return { code: 'stopped', text: `stopped by ${stop?.user ?? 'somebody'}${why}` };
  }
  const { outcome } = context;
  return outcome === null
    ? { code: 'internal', text: 'it ended without a decided outcome' }
    : { code: outcome.code, text: outcome.text };
}

function json(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
