/** What people ask of a run. Each is answered when it is on the disk. */
import { flag, message, optional, type Route, route } from '../route.ts';

type Asked = { reason: string; user: string };

const asked = {
  reason: optional('Why, for people to read.'),
  user: optional('In whose name; default: the user of the daemon.'),
};

function asking(verb: 'pause' | 'resume' | 'hold' | 'release', summary: string): Route {
  return route<object, Asked>({
    method: 'POST',
    url: `/api/runs/:run/${verb}`,
    summary,
    body: { fields: asked },
    answer: message('RunSummary'),
    handle: ({ door, params, body }) =>
      door.port[verb]({
        run: params.run ?? '',
        reason: body.reason,
        user: body.user || door.user,
      }),
  });
}

export const actRoutes: readonly Route[] = [
  route<object, Asked & { now: boolean }>({
    method: 'POST',
    url: '/api/runs/:run/stop',
    summary: 'Asks for a stop. A second one changes nothing.',
    body: { fields: { ...asked, now: flag('Without the grace period.') } },
    answer: message('RunSummary'),
    handle: ({ door, params, body }) =>
      door.port.stop({ ...body, run: params.run ?? '', user: body.user || door.user }),
  }),
  asking('pause', 'Stops the processes of a run where they are; it keeps its GPUs.'),
  asking('resume', 'Lets a paused run go on.'),
  asking('hold', 'Keeps a waiting run from starting.'),
  asking('release', 'Lets a held run start.'),
  route<object, { pinned: boolean }>({
    method: 'POST',
    url: '/api/runs/:run/pin',
    summary: 'Keeps the artifacts of a run from retention, or no longer.',
    body: { fields: { pinned: { type: 'boolean' } }, required: ['pinned'] },
    answer: message('RunSummary'),
    handle: ({ door, params, body }) =>
      door.port.pin({ run: params.run ?? '', pinned: body.pinned }),
  }),
  route<Asked>({
    method: 'DELETE',
    url: '/api/runs/:run',
    summary: 'Removes a run that is over, with all that is kept of it.',
    query: asked,
    answer: message('RemovedRun'),
    handle: ({ door, params, query }) =>
      door.port.remove({
        run: params.run ?? '',
        reason: query.reason,
        user: query.user || door.user,
      }),
  }),
];
