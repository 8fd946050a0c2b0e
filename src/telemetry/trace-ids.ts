/**
 * Ids of spans. They are hashes of what they stand for, so that whoever builds a span again, after a crash or
 * on another machine, gives it the same one.
 */
import crypto from 'node:crypto';

/** A run, as its spans are called by it: several runs may share a trace. */
export type TraceOf = { readonly traceId: string; readonly runId: string };

/** Of the whole run. 16 hex digits. */
export function runSpanId({ traceId, runId }: TraceOf): string {
  return hash(`${traceId}/${runId}/run`);
}

/** Of an attempt: the trainer's own spans hang below it, by the TRACEPARENT that it is given. */
export function attemptSpanId({ traceId, runId }: TraceOf, attempt: number): string {
  return hash(`${traceId}/${runId}/${attempt}`);
}

/** Of the visit of a state that the transition `seq` began. */
export function visitSpanId({ traceId, runId }: TraceOf, seq: number, state: string): string {
  return hash(`${traceId}/${runId}/${seq}/${state}`);
}

/** A W3C `traceparent` in two parts; null for what is none, which W3C has us ignore. */
export function readTraceparent(text: string): { traceId: string; spanId: string } | null {
  const found = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(text);
  if (found === null) return null;
  const [, version, traceId = '', spanId = '', rest] = found;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return null;
  return /^0+$/.test(traceId) || /^0+$/.test(spanId) ? null : { traceId, spanId };
}

export function traceparentOf(traceId: string, spanId: string): string {
  return `00-${traceId}-${spanId}-01`;
}

function hash(text: string): string {
  return crypto.createHash('sha256').update(text).digest('hex').slice(0, 16);
}
