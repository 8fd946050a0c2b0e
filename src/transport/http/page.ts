/** The page itself: what Vite has built, or a word on how to. */
import fs from 'node:fs';
import path from 'node:path';
import { fastifyStatic } from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Door } from './door.ts';

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Runyard</title>
<p>The daemon is here, the page is not: it was not built.</p>
<p>In the checkout: <code>npm run console:build</code>. The API answers below <code>/api/</code>; see <code>docs/console-api.md</code>.</p>
</html>
`;

/** Whatever has a name of its own by its content is kept for good; the rest is asked for again. */
const forGood = 'private, max-age=31536000, immutable';

export async function addPage(app: FastifyInstance, { pageDir }: Door): Promise<void> {
  await app.register(fastifyStatic, {
    root: pageDir,
    serve: false,
    cacheControl: false,
    // Files that lie beside them as .br or .gz.
    preCompressed: true,
    decorateReply: true,
  });
  const index = (reply: FastifyReply): FastifyReply => {
    reply.header('cache-control', 'no-cache');
    if (fs.existsSync(path.join(pageDir, 'index.html'))) return reply.sendFile('index.html');
    return reply.type('text/html; charset=utf-8').send(notBuilt);
  };
  app.get('/', (_, reply) => index(reply));
  app.get('/*', (request, reply) => {
    const { '*': name } = request.params as { '*': string };
    if (name.startsWith('api/')) return reply.callNotFound();
    // Places within the page have no extension, files have.
    if (path.extname(name) === '') return index(reply);
    reply.header('cache-control', name.startsWith('assets/') ? forGood : 'no-cache');
    return reply.sendFile(name);
  });
}
