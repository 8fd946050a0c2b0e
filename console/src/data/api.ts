/** Calls of the API, typed by their places. */
import { csrfNow, sessionGone } from './session.ts';
import type { HttpAnswers, Violation } from './types.ts';

export type Place = keyof HttpAnswers;
export type Asked = {
  params?: Readonly<Record<string, string>>;
  /** What is undefined, empty or false is left out. */
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** JSON, or bytes as they are. */
  body?: object | Uint8Array<ArrayBuffer>;
  signal?: AbortSignal;
};

/** A refusal in the daemon's words; code `unreachable` when nobody answered. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly violations: readonly Violation[];
  constructor(
    code: string,
    message: string,
    status: number,
    violations: readonly Violation[] = [],
  ) {
    super(message);
    this.code = code;
    this.status = status;
    this.violations = violations;
  }
}

/** `ask('GET /api/runs/:run', { params: { run } })`. Throws ApiError; an aborted call throws the reason of its signal. */
export async function ask<P extends Place>(place: P, asked: Asked = {}): Promise<HttpAnswers[P]> {
  const response = await request(place, asked);
  return (await response.json()) as HttpAnswers[P];
}

/** The text of a place that answers no JSON, such as a chart. Throws ApiError. */
export async function askText(path: string, signal?: AbortSignal): Promise<string> {
  const response = await request(`GET ${path}`, signal === undefined ? {} : { signal });
  return response.text();
}

/** Where a place is, with its query: for links and players. */
export function urlOf(path: string, { params = {}, query = {} }: Asked = {}): string {
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  );
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '' && value !== false) search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? filled : `${filled}?${text}`;
}

async function request(place: string, asked: Asked): Promise<Response> {
  const [method = 'GET', path = ''] = place.split(' ');
  const headers: Record<string, string> = {};
  const csrf = csrfNow();
  if (method !== 'GET' && csrf !== '') headers['x-runyard-csrf'] = csrf;
  let body: string | Uint8Array<ArrayBuffer> | null = null;
  if (asked.body instanceof Uint8Array) {
    headers['content-type'] = 'application/octet-stream';
    body = asked.body;
  } else if (method === 'POST') {
    headers['content-type'] = 'application/json';
    body = JSON.stringify(asked.body ?? {});
  }
  let response: Response;
  try {
    response = await fetch(urlOf(path, asked), {
      method,
      headers,
      body,
      signal: asked.signal ?? null,
    });
  } catch {
    asked.signal?.throwIfAborted();
    throw new ApiError('unreachable', 'the daemon does not answer', 0);
  }
  if (response.ok) return response;
  const failure = await refusalOf(response);
  if (response.status === 401 && place !== 'POST /api/session') sessionGone();
  throw failure;
}

async function refusalOf(response: Response): Promise<ApiError> {
  const { status } = response;
  try {
    const { error } = (await response.json()) as {
      error: { code: string; message: string; violations: Violation[] };
    };
    return new ApiError(error.code, error.message, status, error.violations);
  } catch {
    return new ApiError('internal', `the daemon answered with status ${status}`, status);
  }
}

/** For people: the message, and what is wrong with which field. */
export function errorText(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  const details = error.violations.map(({ field, rule, hint }) =>
    [`${field} ${rule}`.trim(), hint].filter((part) => part !== '').join(', '),
  );
  return [error.message, ...details].join('; ');
}
