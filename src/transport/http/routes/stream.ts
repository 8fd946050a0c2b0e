/** One stream a tab: what changes in the yard, and what the tab asked for besides. */
import type { OutgoingHttpHeaders } from 'node:http';
import { list, object, type Route, route, text } from '../route.ts';
import { readWishes, type Wish, wishSchema } from '../stream/index.ts';

const id = text('Chosen by the page; comes back with each message.', {
  minLength: 1,
  maxLength: 64,
});

export const streamRoutes: readonly Route[] = [
  route<{ pos?: number; subs: string }>({
    method: 'GET',
    url: '/api/stream',
    summary: 'Server-sent events of the yard (docs/console-api.md).',
    query: {
      pos: {
        type: 'integer',
        minimum: 0,
        description:
          'Goes on after this position, unless `Last-Event-ID` says it; left out: from now on.',
      },
      subs: text('Subscriptions from the start: a JSON array as `add` has it.', { default: '' }),
    },
    answer: { type: 'string' },
    media: 'text/event-stream',
    handle({ streams, query, request, reply }) {
      const last = request.headers['last-event-id'];
      const from =
        typeof last === 'string' && /^\d{1,15}$/.test(last) ? Number(last) : (query.pos ?? null);
      const wishes = readWishes(query.subs);
      const { cookie } = request.caller;
      // From here on it is ours; a refusal comes before.
      const open = streams.open({
        from,
        cookie,
        authorization: request.headers.authorization,
        raw: reply.raw,
        headers: reply.getHeaders() as OutgoingHttpHeaders,
      });
      reply.hijack();
      open.subscribe(wishes, []);
      return reply;
    },
  }),
  route<object, { add: Wish[]; remove: string[] }>({
    method: 'POST',
    url: '/api/streams/:id/subscriptions',
    summary: 'What a stream brings besides; `id` is in its `hello`.',
    body: {
      fields: {
        add: { ...list({ type: 'object' }), default: [], maxItems: 32 },
        remove: { ...list(id), default: [], maxItems: 32 },
      },
      shown: { add: { ...list(wishSchema), default: [] } },
    },
    answer: object({ subscriptions: list({ type: 'string' }) }),
    handle: ({ streams, params, body }) => ({
      subscriptions: streams.find(params.id ?? '').subscribe(body.add, body.remove),
    }),
  }),
];
