/** Artifacts: listed, and read, in parts where a player wants that. */
import { Readable } from 'node:stream';
import type { ArtifactItem } from '../../../contracts/index.ts';
import { RunyardError } from '../../../errors.ts';
import { rangeOf } from '../range.ts';
import { list, message, object, type Route, route, type Typed, whole } from '../route.ts';

export const artifactRoutes: readonly Route[] = [
  route<{ attempt: number }>({
    method: 'GET',
    url: '/api/runs/:run/artifacts',
    summary: 'What the store has of an attempt, and what it should have and has not.',
    query: { attempt: whole('0: the latest.', 0) },
    answer: object({ artifacts: list(message('Artifact')) }),
    handle: ({ door, params, query }) => ({
      artifacts: [...door.port.artifacts({ run: params.run ?? '', attempt: query.attempt })],
    }),
  }),
  route({
    method: 'GET',
    url: '/api/runs/:run/artifacts/:attempt/*',
    summary: 'The bytes of an artifact by its name. Media are shown, all else is for saving.',
    answer: { type: 'string', format: 'binary' },
    media: 'application/octet-stream',
    handle: (call) => send(call),
  }),
];

function send({ door, params, request, reply, signal }: Typed): unknown {
  const { run = '', '*': name = '' } = params;
  const attempt = Number(params.attempt);
  const found = [...door.port.artifacts({ run, attempt: attempt || 0 })].find(
    (item) => item.name === name,
  );
  if (found === undefined || found.path === '') {
    const why = found?.problem || 'none has this name';
    throw new RunyardError('artifact_not_found', `run ${run} has no such artifact: ${why}`);
  }
  const etag = `"${found.sha256}"`;
  reply.headers({ ...headersOf(found), etag });
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  const ifRange = request.headers['if-range'];
  const isSame = ifRange === undefined || ifRange === etag;
  const range = isSame ? rangeOf(request.headers.range, found.size) : 'all';
  if (range === 'none') {
    return reply.code(416).header('content-range', `bytes */${found.size}`).send();
  }
  const { first, last } = range === 'all' ? { first: 0, last: found.size - 1 } : range;
  const length = last - first + 1;
  if (range !== 'all') {
    reply.code(206).header('content-range', `bytes ${first}-${last}/${found.size}`);
  }
  reply.header('content-length', length);
  // A length of nothing would be all of it.
  if (length === 0) return reply.send('');
  const bytes = door.port.readArtifact(
    { run, attempt: found.attempt, name, offset: first, length },
    signal,
  );
  return reply.send(Readable.from(bytes));
}

function headersOf({ name, media_type: type }: ArtifactItem): Record<string, string> {
  const isMedia = /^(video|audio|image)\//.test(type) && type !== 'image/svg+xml';
  const file = encodeURIComponent(name.split('/').at(-1) ?? name).replaceAll("'", '%27');
  return {
    'accept-ranges': 'bytes',
    'content-type': type === '' ? 'application/octet-stream' : type,
    'content-disposition': `${isMedia ? 'inline' : 'attachment'}; filename*=UTF-8''${file}`,
    // Whatever a trainer wrote, it is not part of the page.
    'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
    'cache-control': 'private, no-cache',
  };
}
