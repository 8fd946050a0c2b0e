/** A finished span, as far as the way of exporting it does not matter. Times are milliseconds since 1970. */
export type Attribute = string | number | boolean | string[];
export type Attributes = Record<string, Attribute>;

export type SpanEvent = { name: string; atMs: number; attributes: Attributes };
export type SpanLink = { traceId: string; spanId: string; attributes: Attributes };

export type Span = {
  traceId: string;
  spanId: string;
  /** Empty: it has none. */
  parentId: string;
  /** The parent is a span of another program: the one that submitted. */
  parentIsRemote: boolean;
  name: string;
  startMs: number;
  endMs: number;
  attributes: Attributes;
  events: SpanEvent[];
  links: SpanLink[];
  /** What went wrong, in words; null: nothing did. */
  error: string | null;
};
