/** Logging in by the link that `runyard console` prints, and out again. */
import { RunyardError } from '../../../errors.ts';
import { object, type Route, route, text } from '../route.ts';

const role = { enum: ['viewer', 'operator'] };

export const sessionRoutes: readonly Route[] = [
  route<object, { link: string }>({
    method: 'POST',
    url: '/api/session',
    summary: 'Exchanges the secret of a link, once, for a session.',
    body: {
      fields: { link: text('What follows `#login=` in the link.', { maxLength: 100 }) },
      required: ['link'],
    },
    answer: object({
      role,
      expires_at: { type: 'string' },
      csrf: text('For the header x-runyard-csrf of whatever changes something.'),
    }),
    handle({ door, body, reply }) {
      const made = door.sessions.exchange(body.link);
      if (made === null) {
        throw new RunyardError(
          'unauthenticated',
          'this link was used, or is too old; make another one: runyard console',
        );
      }
      const { secret, max_age_s: age, ...rest } = made;
      const name = door.sessions.cookieName;
      const rules = `HttpOnly; SameSite=Strict; Path=/; Max-Age=${age}${door.secure ? '; Secure' : ''}`;
      reply.header('set-cookie', `${name}=${secret}; ${rules}`);
      return rest;
    },
  }),
  route({
    method: 'GET',
    url: '/api/session',
    summary: 'Who is logged in.',
    answer: object({
      role,
      expires_at: text('Empty for the token of the state directory.'),
    }),
    handle({ door, request }) {
      const { cookie, role: mine } = request.caller;
      const session = cookie === null ? null : door.sessions.find(cookie);
      return { role: mine, expires_at: session?.expires_at ?? '' };
    },
  }),
  route({
    method: 'DELETE',
    url: '/api/session',
    summary: 'Ends the session; its streams end too.',
    answer: object({}),
    handle({ door, streams, request, reply }) {
      const { cookie } = request.caller;
      if (cookie !== null) {
        door.sessions.end(cookie);
        streams.endSession(cookie);
      }
      reply.header('set-cookie', `${door.sessions.cookieName}=; Path=/; Max-Age=0`);
      return {};
    },
  }),
];
