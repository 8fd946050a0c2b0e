/** A committed transition as the event of a span: what happened, why, and by whom. */
import type { SpanEvent } from './span.ts';

/** A row of the registry's transitions. */
export type TransitionSeen = {
  pos: number;
  run_id: string;
  seq: number;
  at: string;
  attempt: number;
  event: string;
  from_state: string;
  to_state: string;
  /** A JSON object. */
  detail: string;
};

const causeMax = 500;

/** Who says an event, by its noun; what is not here is said by the daemon itself. */
const actors: Readonly<Record<string, string>> = {
  preflight: 'preflight',
  slots: 'lease',
  launch: 'launch',
  trainer: 'worker',
  rule: 'worker',
  output: 'worker',
  leftovers: 'worker',
  recorder: 'worker',
  limit: 'alarm',
  start: 'alarm',
  grace: 'alarm',
  kill: 'alarm',
};

export function detailOf({ detail }: Pick<TransitionSeen, 'detail'>): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(detail);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Of the transition of that row: the only one that it ever gives. */
export function eventOf(row: TransitionSeen, atMs: number): SpanEvent {
  const detail = detailOf(row);
  const cause = causeOf(detail);
  return {
    name: row.event,
    atMs,
    attributes: {
      'runyard.seq': row.seq,
      'runyard.pos': row.pos,
      'runyard.from': row.from_state,
      'runyard.to': row.to_state,
      'runyard.actor': actorOf(row.event, detail),
      ...(cause === '' ? {} : { 'runyard.cause': cause }),
      ...(typeof detail.user === 'string' ? { 'user.name': detail.user } : {}),
    },
  };
}

function actorOf(event: string, detail: Record<string, unknown>): string {
  const noun = event.split('.')[0] ?? '';
  if (event === 'run.grant' || event === 'run.refuse') return 'allocator';
  if (event === 'effect.failed') return String(detail.effect ?? 'daemon');
  return typeof detail.user === 'string' ? 'user' : (actors[noun] ?? 'daemon');
}

function causeOf(detail: Record<string, unknown>): string {
  const exit = detail.exit as { kind?: string; code?: number; signal?: string } | undefined;
  const ended = exit === undefined ? '' : `${exit.kind} ${exit.signal ?? exit.code ?? ''}`.trim();
  const cause = detail.cause as { text?: string } | undefined;
  const words = [detail.reason, detail.text, detail.code, cause?.text, ended];
  const found = words.find((text) => typeof text === 'string' && text !== '');
  return String(found ?? '').slice(0, causeMax);
}
