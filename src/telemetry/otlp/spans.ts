/** Spans as a request of OTLP, encoded by OpenTelemetry's own transformer. */
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import type { Span, SpanEvent } from '../traces/span.ts';

type Readable = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number];
type HrTime = Readable['startTime'];

export const scopeName = 'runyard';
const sampled = 1;
const internal = 0;
const consumer = 4;
const errorStatus = 2;

export function resourceOf(attributes: Record<string, string>): Resource {
  return resourceFromAttributes(attributes);
}

export function encodeSpans(spans: readonly Span[], resource: Resource): Uint8Array {
  return ProtobufTraceSerializer.serializeRequest(
    spans.map((span) => readable(span, resource)),
  ) as Uint8Array;
}

/** Throws for what is no answer to such a request. */
export function readTraceAnswer(body: Uint8Array): { rejected: number; why: string } {
  const { partialSuccess } = ProtobufTraceSerializer.deserializeResponse(body);
  const { rejectedSpans = 0, errorMessage = '' } = partialSuccess ?? {};
  return { rejected: Number(rejectedSpans), why: errorMessage };
}

function readable(span: Span, resource: Resource): Readable {
  const { traceId, parentId } = span;
  return {
    name: span.name,
    // A run is taken out of a queue: what began it is over long before.
    kind: span.name === 'run' ? consumer : internal,
    spanContext: () => ({ traceId, spanId: span.spanId, traceFlags: sampled }),
    ...(parentId === ''
      ? {}
      : {
          parentSpanContext: {
            traceId,
            spanId: parentId,
            traceFlags: sampled,
            isRemote: span.parentIsRemote,
          },
        }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    duration: hrTime(span.endMs - span.startMs),
    status: span.error === null ? { code: 0 } : { code: errorStatus, message: span.error },
    attributes: span.attributes,
    events: span.events.map(timed),
    links: span.links.map(({ attributes, ...to }) => ({
      context: { ...to, traceFlags: sampled },
      attributes,
    })),
    ended: true,
    resource,
    instrumentationScope: { name: scopeName },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function timed({ name, atMs, attributes }: SpanEvent): Readable['events'][number] {
  return { name, time: hrTime(atMs), attributes };
}

export function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)];
}
