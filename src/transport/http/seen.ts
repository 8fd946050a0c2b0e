/** What the audit log is told of a request. */
import type { FastifyRequest } from 'fastify';
import { type Asked, callerAt, gather } from '../../audit/index.ts';
import type { Role } from '../../gate.ts';
import type { Door } from './door.ts';

/** Routes by what they are called over gRPC, so that one word finds both. */
const methods: Readonly<Record<string, string>> = {
  'POST /api/session': 'OpenSession',
  'DELETE /api/session': 'EndSession',
  'POST /api/drain': 'SetDrain',
  'POST /api/runs': 'SubmitRun',
  'DELETE /api/runs/:run': 'RemoveRun',
  'POST /api/runs/:run/retry': 'RetryRun',
  'POST /api/runs/:run/stop': 'StopRun',
  'POST /api/runs/:run/pause': 'PauseRun',
  'POST /api/runs/:run/resume': 'ResumeRun',
  'POST /api/runs/:run/hold': 'HoldRun',
  'POST /api/runs/:run/release': 'ReleaseRun',
  'POST /api/runs/:run/pin': 'PinRun',
  'POST /api/groups/:group/stop': 'StopGroup',
};

export function whatOf(name: string): string {
  return methods[name] ?? name;
}

/** `name`: method and pattern. What was asked for and never came to a route has neither body nor query here. */
export function askedOf(
  door: Door,
  request: FastifyRequest,
  name: string,
  caller: { role: Role | null; cookie: string | null },
  reply?: unknown,
): Asked {
  const messages = gather();
  for (const part of [request.params, request.query, request.body]) messages.asked(part);
  messages.answered(reply);
  const { user, ...facts } = messages.facts();
  const { remoteAddress, remotePort } = request.socket;
  const header = request.headers.authorization !== undefined;
  return {
    what: whatOf(name),
    via: 'http',
    by: caller.cookie !== null ? 'cookie' : header ? 'header' : 'none',
    // Whoever logs in is somebody by the answer.
    role: caller.role ?? roleIn(reply),
    from: callerAt(remoteAddress, remotePort),
    // In whose name it is done when nobody is named.
    user: user || (namesUser(request) ? door.user : ''),
    ...facts,
  };
}

function roleIn(reply: unknown): Role | null {
  const { role } = (reply ?? {}) as { role?: Role };
  return role ?? null;
}

function namesUser({ body, query }: FastifyRequest): boolean {
  return [body, query].some((part) => typeof part === 'object' && part !== null && 'user' in part);
}
