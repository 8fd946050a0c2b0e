/** Groups: what many runs are together. */
import type { GroupFilter } from '../../../contracts/index.ts';
import { RunyardError } from '../../../errors.ts';
import { flag, list, message, object, optional, type Route, route, whole } from '../route.ts';

const groupsMost = 1000;

export const groupRoutes: readonly Route[] = [
  route<GroupFilter>({
    method: 'GET',
    url: '/api/groups',
    summary: 'Groups, the newest first, each counted from its runs.',
    query: {
      all: flag('Those too whose runs are all over.'),
      user: optional('Only with a run of this user.'),
      limit: whole('Groups, at most.', groupsMost, groupsMost),
    },
    answer: object({ groups: list(message('GroupSummary')) }),
    handle: ({ door, query }) => ({ groups: [...door.port.groups(query)] }),
  }),
  route({
    method: 'GET',
    url: '/api/groups/:group',
    summary: 'A group as it is now. Its runs: GET /api/runs?group=…',
    answer: message('GroupSummary'),
    async handle({ door, params, signal }) {
      const group = params.group ?? '';
      const seen = door.port.watchGroup({ group, until_done: false, once: true }, signal);
      for await (const summary of seen) return summary;
      throw new RunyardError('run_not_found', `no run is of the group ${group}`);
    },
  }),
  route<object, { reason: string; user: string; now: boolean }>({
    method: 'POST',
    url: '/api/groups/:group/stop',
    summary:
      'Asks for a stop of all its runs; what waits never starts. Answers how the group is then.',
    body: {
      fields: {
        reason: optional('Why, for people to read.'),
        user: optional('In whose name; default: the user of the daemon.'),
        now: flag('Without the grace period.'),
      },
    },
    answer: message('GroupSummary'),
    async handle({ door, params, body }) {
      const request = { ...body, group: params.group ?? '', user: body.user || door.user };
      let last: object | null = null;
      for await (const summary of door.port.stopGroup(request)) last = summary;
      if (last !== null) return last;
      throw new RunyardError('run_not_found', `no run is of the group ${request.group}`);
    },
  }),
];
