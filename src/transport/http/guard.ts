/** Before any handler: is it this page that asks, who is it, and may they? */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hostOf } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import { type Role, refusalOf } from '../../gate.ts';
import type { Door } from './door.ts';
import { askedOf } from './seen.ts';

export type Caller = {
  role: Role | null;
  /** The secret of a session that came by cookie: what a browser sends by itself. */
  cookie: string | null;
};

export const csrfHeader = 'x-runyard-csrf';
const safeMethods = ['GET', 'HEAD'];
/** Names by which this machine calls itself. Any port: `ssh -L` may carry us to another one. */
const hosts = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

const headers: Readonly<Record<string, string>> = {
  // Styles may be inline, since charts carry theirs; scripts may not.
  'content-security-policy': [
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'",
    "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
};

/** Method and pattern, as the gate has them. */
export function nameOf({ method, routeOptions }: FastifyRequest): string {
  return `${method === 'HEAD' ? 'GET' : method} ${routeOptions.url ?? '(none)'}`;
}

/** Throws `forbidden` and `unauthenticated`, which the audit log is told. */
export function guard(door: Door, request: FastifyRequest, reply: FastifyReply): Caller {
  reply.headers(headers);
  const caller = callerOf(door, request);
  try {
    admit(door, request, caller);
    return caller;
  } catch (error) {
    const code = error instanceof RunyardError ? error.code : 'internal';
    door.audit.refused(askedOf(door, request, nameOf(request), caller), code);
    throw error;
  }
}

function admit(door: Door, request: FastifyRequest, caller: Caller): void {
  refuseForeign(door, request);
  const name = nameOf(request);
  const refused = refusalOf('http', name, caller.role);
  if (refused !== null) throw refused;
  const isSafe = safeMethods.includes(request.method);
  // A link proves itself. A browser that is logged in may have lost its `csrf`: what it keeps is kept for each port.
  const isLogin = name === 'POST /api/session';
  if (!isSafe && !isLogin && caller.cookie !== null) refuseForged(door, request, caller.cookie);
}

/** A page of somebody else that had its name lead here, or that sends its reader's browser here. */
function refuseForeign({ secure, isCalled }: Door, { headers, url }: FastifyRequest): void {
  const { host = '', origin } = headers;
  if (!hosts.test(host) && !isCalled(hostOf(/:\d+$/.test(host) ? host : `${host}:`))) {
    const way = secure
      ? 'use a name that its certificate has'
      : 'use localhost, 127.0.0.1 or [::1]';
    throw new RunyardError(
      'forbidden',
      `this machine is not called ${JSON.stringify(host.slice(0, 100))} here; ${way}`,
    );
  }
  // Another port is another program: sites are told apart without it, origins are not.
  if (
    origin !== undefined &&
    origin.toLowerCase() !== `http${secure ? 's' : ''}://${host.toLowerCase()}`
  ) {
    throw new RunyardError('forbidden', 'pages of other origins may not call the console');
  }
  const site = headers['sec-fetch-site'];
  const isOwn = site === undefined || site === 'same-origin' || site === 'none';
  if (!isOwn && url.startsWith('/api/')) {
    throw new RunyardError('forbidden', 'other sites may not call the console');
  }
}

function callerOf({ roleOf, sessions }: Door, request: FastifyRequest): Caller {
  const { authorization } = request.headers;
  // Who names a credential is not taken for somebody else when it is wrong.
  if (authorization !== undefined) return { role: roleOf(authorization), cookie: null };
  const cookie = cookieOf(request, sessions.cookieName);
  const session = cookie === null ? null : sessions.find(cookie);
  return session === null ? { role: null, cookie: null } : { role: session.role, cookie };
}

function cookieOf({ headers }: FastifyRequest, name: string): string | null {
  for (const pair of headers.cookie?.split(';') ?? []) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name && value !== undefined) return value;
  }
  return null;
}

function refuseForged({ sessions }: Door, request: FastifyRequest, cookie: string): void {
  const csrf = request.headers[csrfHeader];
  if (typeof csrf === 'string' && sessions.isCsrf(cookie, csrf)) return;
  throw new RunyardError(
    'forbidden',
    `what changes something needs the header ${csrfHeader} with the \`csrf\` of the log-in; log in again: runyard console`,
  );
}
