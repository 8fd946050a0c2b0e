/** A route of the API: what it takes, what it answers, what it does. The OpenAPI page is made of these. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Door } from './door.ts';
import type { Streams } from './stream/index.ts';

export type Schema = { readonly [keyword: string]: unknown };
type Fields = Readonly<Record<string, Schema>>;

export type Route = {
  method: 'GET' | 'POST' | 'DELETE';
  url: string;
  summary: string;
  /** Fields of the query, all of them optional or with a default. */
  query?: Fields;
  /** Fields of the body, a JSON object, and which of them have to be there. */
  body?: {
    fields: Fields;
    required?: readonly string[];
    /** Fields that are checked elsewhere, as the page of the API has them. */
    shown?: Fields;
  };
  /** What the body is beyond JSON: bytes, up to so many. */
  bytes?: { limit: number };
  /** Of the answer, for whoever reads the page; nothing is checked by it. */
  answer: Schema;
  /** Media type of the answer; JSON when it is left out. */
  media?: string;
  handle(call: Call): unknown;
};

export type Call = {
  door: Door;
  streams: Streams;
  request: FastifyRequest;
  reply: FastifyReply;
  params: Readonly<Record<string, string>>;
  // As the schemas say.
  query: never;
  body: never;
  /** Aborted when the caller has gone. */
  signal: AbortSignal;
};

/** A call whose query and body are known as types. */
export type Typed<Q = object, B = object> = Omit<Call, 'query' | 'body'> & { query: Q; body: B };

export function route<Q = object, B = object>(
  about: Omit<Route, 'handle'> & { handle(call: Typed<Q, B>): unknown },
): Route {
  return about as Route;
}

/** A message of `orchestrator.proto`, field for field. */
export function message(name: string): Schema {
  return { $ref: `${name}#` };
}

export function list(of: Schema): Schema {
  return { type: 'array', items: of };
}

export function object(properties: Fields): Schema {
  return { type: 'object', properties, required: Object.keys(properties) };
}

export function text(description: string, rest: Schema = {}): Schema {
  return { type: 'string', description, ...rest };
}

/** Text of a query that may be left out. */
export function optional(description: string): Schema {
  return text(description, { default: '' });
}

export function whole(description: string, byDefault: number, maximum = 2 ** 53 - 1): Schema {
  return { type: 'integer', minimum: 0, maximum, default: byDefault, description };
}

export function flag(description: string): Schema {
  return { type: 'boolean', default: false, description };
}

/** Unknown fields are refused: a misspelt one would be taken for none. */
export function objectOf(properties: object, required: readonly string[]): object {
  return { type: 'object', additionalProperties: false, properties, required };
}
