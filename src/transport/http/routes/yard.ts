/** The yard: how it is, what it gives out, what it is made of. */
import fs from 'node:fs';
import path from 'node:path';
import type { DaemonStatus, DrainRequest } from '../../../contracts/index.ts';
import { list, message, object, optional, type Route, route, text } from '../route.ts';

const probe = object({ status: text('ok, or degraded.'), parts: list({ type: 'string' }) });

export const yardRoutes: readonly Route[] = [
  route({
    method: 'GET',
    url: '/healthz',
    summary:
      'That the daemon lives and answers: 200, also when it is degraded. For probes; no credential.',
    answer: probe,
    handle: ({ door }) => probed(door.port.health()),
  }),
  route({
    method: 'GET',
    url: '/readyz',
    summary: 'Whether new runs are taken: 200, or 503. For probes; no credential.',
    answer: probe,
    handle({ door, reply }) {
      const health = door.port.health();
      const refused = health.reasons.some(({ refuses_runs: refuses }) => refuses);
      return reply.code(refused ? 503 : 200).send(probed(health));
    },
  }),
  route({
    method: 'GET',
    url: '/api/health',
    summary: 'How the daemon is, and why.',
    answer: message('DaemonStatus'),
    handle: ({ door }) => door.port.health(),
  }),
  route({
    method: 'GET',
    url: '/api/gpus',
    summary: 'GPUs, and who holds them.',
    answer: object({ gpus: list(message('Gpu')) }),
    handle: ({ door }) => ({ gpus: [...door.port.gpus()] }),
  }),
  route({
    method: 'GET',
    url: '/api/bus/streams',
    summary: 'Streams of the bus as they are now.',
    answer: object({ streams: list(message('BusStream')) }),
    handle: async ({ door }) => ({ streams: await Array.fromAsync(door.port.busStreams()) }),
  }),
  route({
    method: 'GET',
    url: '/api/bus/subscribers',
    summary: 'Who reads those streams now, and how far behind.',
    answer: object({ subscribers: list(message('Subscriber')) }),
    handle: async ({ door }) => ({ subscribers: await Array.fromAsync(door.port.subscribers()) }),
  }),
  route({
    method: 'GET',
    url: '/api/bus/readers',
    summary: 'Credentials that read the bus, without their passwords.',
    answer: object({ readers: list(message('Reader')) }),
    handle: async ({ door }) => ({ readers: await door.port.listReaders() }),
  }),
  route<object, DrainRequest>({
    method: 'POST',
    url: '/api/drain',
    summary: 'Gives nothing more out, of a GPU or of the yard; or takes that back.',
    body: {
      fields: {
        target: optional('A GPU: its UUID, a beginning of it, or its number; empty: the yard.'),
        on: { type: 'boolean' },
        reason: optional('Why, for people to read.'),
        user: optional('In whose name; default: the user of the daemon.'),
      },
      required: ['on'],
    },
    answer: message('SetDrainReply'),
    handle: ({ door, body }) => door.port.setDrain({ ...body, user: body.user || door.user }),
  }),
  route({
    method: 'GET',
    url: '/metrics',
    summary: 'The daemon’s figures, for Prometheus (docs/metrics.md).',
    answer: { type: 'string' },
    media: 'text/plain',
    async handle({ door, reply }) {
      const { contentType, text } = await door.figures();
      return reply.type(contentType).send(text);
    },
  }),
  route({
    method: 'GET',
    url: '/api/charts/:machine',
    summary: 'The chart of run, run-overview, daemon or worker. Its version is the ETag.',
    answer: { type: 'string' },
    media: 'image/svg+xml',
    handle({ door, params, reply }) {
      const { svg, version } = door.port.chart(params.machine ?? '');
      return reply
        .type('image/svg+xml')
        .header('cache-control', 'no-cache')
        .header('etag', `"${version}"`)
        .send(svg);
    },
  }),
  route({
    method: 'GET',
    url: '/api/schemas/:name',
    summary: 'A JSON Schema, such as train-run-config.v1.',
    answer: { type: 'object' },
    handle: ({ door, params, reply }) =>
      reply.type('application/json').send(door.port.schema(params.name ?? '')),
  }),
  route({
    method: 'GET',
    url: '/api/openapi.json',
    summary: 'This page.',
    answer: { type: 'object' },
    handle: ({ door, reply }) =>
      reply
        .type('application/json')
        .send(fs.createReadStream(path.join(door.schemasDir, 'openapi.json'))),
  }),
];

/** Names of parts alone: whoever needs no credential is told nothing of runs, places or addresses. */
function probed({ status, reasons }: DaemonStatus): object {
  return { status, parts: [...new Set(reasons.map(({ part }) => part))] };
}
