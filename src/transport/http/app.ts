/** The API and the page, ready to be handed requests. */
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { RunyardError } from '../../errors.ts';
import { isRecorded } from '../../gate.ts';
import type { Door } from './door.ts';
import { failureOf, refusalFrom, statusOf } from './failure.ts';
import { type Caller, guard, nameOf } from './guard.ts';
import { addPage } from './page.ts';
import { objectOf, type Route } from './route.ts';
import { routes } from './routes/index.ts';
import { askedOf } from './seen.ts';
import { createStreams } from './stream/index.ts';
import { createValidatorCompiler } from './validate.ts';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
    /** Null: what came of it is not for the audit log, or is there already. */
    recorded: { reply: unknown; outcome: string } | null;
  }
}

/** Configurations and subscriptions; what is larger is uploaded as an input. */
const bodyMaxBytes = 2 ** 20;
/** The longest name of an artifact. */
const paramMaxLength = 1100;

/**
 * `extra`: routes for a test of what becomes of one that the gate does not know; `added` is told of every
 * route that there is.
 */
export async function buildApp(
  door: Door,
  extra: readonly Route[] = [],
  added: (method: string, url: string) => void = () => undefined,
): Promise<FastifyInstance> {
  const refuse = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const refusal = refusalFrom(error, door.log);
    if (request.recorded) request.recorded.outcome = refusal.code;
    // Whatever was said of the answer that did not come.
    reply.code(statusOf(refusal)).type('application/json').header('cache-control', 'no-store');
    void reply.send(failureOf(refusal));
  };
  const app = fastify({
    logger: false,
    bodyLimit: bodyMaxBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: paramMaxLength },
    frameworkErrors: (error, request, reply) =>
      refuse(error, request as FastifyRequest, reply as FastifyReply),
  });
  app.setValidatorCompiler(createValidatorCompiler());
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply));
  app.setNotFoundHandler((request) => {
    throw new RunyardError(
      'route_not_found',
      `there is no ${request.method} ${request.url.slice(0, 200)}; see /api/openapi.json`,
    );
  });
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) added(each, url);
  });
  app.decorateRequest('caller');
  app.decorateRequest('recorded', null);
  app.addHook('onRequest', async (request, reply) => {
    request.caller = guard(door, request, reply);
    if (isRecorded('http', nameOf(request))) request.recorded = { reply: null, outcome: 'ok' };
  });
  app.addHook('preSerialization', async (request, _, payload) => {
    if (request.recorded) request.recorded.reply = payload;
    return payload;
  });
  // Not when the answer has gone out: whoever asked may have gone before, and it was done all the same.
  app.addHook('onSend', async (request) => {
    if (!request.recorded) return;
    const { reply, outcome } = request.recorded;
    request.recorded = null;
    door.audit.done(askedOf(door, request, nameOf(request), request.caller, reply), outcome);
  });
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser(
    'application/octet-stream',
    { parseAs: 'buffer', bodyLimit: 2 ** 24 },
    (_, body, done) => done(null, body),
  );
  const streams = createStreams(door);
  app.addHook('preClose', async () => streams.close());
  for (const each of [...routes, ...extra]) addRoute(app, door, streams, each);
  await addPage(app, door);
  await app.ready();
  return app;
}

function addRoute(
  app: FastifyInstance,
  door: Door,
  streams: ReturnType<typeof createStreams>,
  { method, url, query, body, bytes, handle }: Route,
): void {
  app.route({
    method,
    url,
    ...(bytes === undefined ? {} : { bodyLimit: bytes.limit }),
    schema: {
      ...(query === undefined ? {} : { querystring: objectOf(query, []) }),
      ...(body === undefined ? {} : { body: objectOf(body.fields, body.required ?? []) }),
    },
    handler: async (request, reply) => {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      return handle({
        door,
        streams,
        request,
        reply,
        params: request.params as Record<string, string>,
        query: request.query as never,
        body: (request.body ?? {}) as never,
        signal: gone.signal,
      });
    },
  });
}
