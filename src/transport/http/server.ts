/**
 * Listens on loopback. The framework and the routes are loaded by the first request: who never looks at the
 * console does not pay for it.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { RunyardError } from '../../errors.ts';
import type { HttpServer, HttpServerOptions } from './door.ts';

/** Of all tabs and programs together. */
const connectionsMost = 256;

/** Throws port_in_use. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { listen, log, ...door } = options;
  let app: Promise<FastifyInstance> | null = null;
  const loaded = (): Promise<FastifyInstance> => {
    app ??= import('./app.ts').then(({ buildApp }) => buildApp({ ...door, log }));
    return app;
  };
  const server = http.createServer((request, response) => {
    loaded().then(
      (ready) => ready.routing(request, response),
      (error) => {
        log.error({ err: error }, 'the console cannot be served');
        response.writeHead(500, { 'content-type': 'text/plain' });
        response.end('the console cannot be served; the log of the daemon says why\n');
      },
    );
  });
  server.maxConnections = connectionsMost;
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new RunyardError(
          'port_in_use',
          `the console cannot listen on ${listen}: another program has it; choose another by RUNYARD_CONSOLE_LISTEN or \`console_listen\``,
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
      const closed = new Promise((resolve) => server.close(resolve));
      const ready = await app?.catch(() => null);
      await ready?.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
