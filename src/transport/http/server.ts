/**
 * Listens, on loopback unless it is told otherwise. The framework and the routes are loaded by the first request: who never looks at the
 * console does not pay for it.
 */
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { RunyardError } from '../../errors.ts';
import type { HttpServer, HttpServerOptions } from './door.ts';

/** Of all tabs and programs together. */
const connectionsMost = 256;

/** Throws port_in_use. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { listen, tls, log, ...door } = options;
  const secure = tls !== null;
  let app: Promise<FastifyInstance> | null = null;
  const loaded = (): Promise<FastifyInstance> => {
    app ??= import('./app.ts').then(({ buildApp }) => buildApp({ ...door, secure, log }));
    return app;
  };
  const serve: http.RequestListener = (request, response) => {
    loaded().then(
      (ready) => ready.routing(request, response),
      (error) => {
        log.error({ err: error }, 'the console cannot be served');
        response.writeHead(500, { 'content-type': 'text/plain' });
        response.end('the console cannot be served; the log of the daemon says why\n');
      },
    );
  };
  const server = tls === null ? http.createServer(serve) : https.createServer(tls.pair(), serve);
  const forget =
    server instanceof https.Server ? tls?.onRenewed((pair) => server.setSecureContext(pair)) : null;
  server.maxConnections = connectionsMost;
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new RunyardError(
          'port_in_use',
          `the console cannot listen on ${listen}: another program has it, or it is no address of this machine; choose another by RUNYARD_CONSOLE_LISTEN or \`console_listen\``,
          { cause },
        ),
      ),
    );
    server.listen(Number(listen.slice(colon + 1)), host.replaceAll(/[[\]]/g, ''), resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    address: `${host}:${port}`,
    async close() {
      forget?.();
      const closed = new Promise((resolve) => server.close(resolve));
      const ready = await app?.catch(() => null);
      await ready?.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
