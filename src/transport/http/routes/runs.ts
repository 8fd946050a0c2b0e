/** Runs: listed, looked at, submitted. */
import type {
  InputRef,
  ListFilter,
  RetryRequest,
  SubmitRequest,
} from '../../../contracts/index.ts';
import { flag, list, message, object, optional, type Route, route, text, whole } from '../route.ts';

type Submission = Pick<SubmitRequest, 'config' | 'key' | 'user' | 'traceparent'> & {
  env_ref: InputRef | null;
};

type Retry = Omit<RetryRequest, 'run'>;

const pageMost = 1000;
const envRef = (without: string) => ({
  type: ['object', 'null'],
  additionalProperties: false,
  required: ['uri'],
  properties: {
    uri: { type: 'string' },
    sha256: { type: 'string' },
    size: { type: 'integer' },
  },
  default: null,
  description: `The environment of the trainer, uploaded by POST /api/inputs: NUL-separated NAME=value. Without it: ${without}.`,
});
const named = {
  key: optional('The same key and configuration again: the same run.'),
  user: optional('In whose name; default: the user of the daemon.'),
  traceparent: optional('W3C trace context.'),
};
const submission = {
  fields: {
    config: {
      type: 'object',
      description: 'A TrainRunConfig: GET /api/schemas/train-run-config.v1',
    },
    env_ref: envRef('that of the configuration alone'),
    ...named,
  },
  required: ['config'],
  shown: { config: message('TrainRunConfig') },
} as const;

export const runRoutes: readonly Route[] = [
  route<ListFilter & { after: string }>({
    method: 'GET',
    url: '/api/runs',
    summary: 'Runs, newest first, in pages.',
    query: {
      all: flag('Finished runs too.'),
      status: optional('Only this status, or several with commas between.'),
      project: optional('Only this project.'),
      user: optional('Only of this user.'),
      group: optional('Only this group.'),
      search: optional('Part of an id, a name, a tag, a command …, in any case.'),
      limit: whole('Runs in a page.', 100, pageMost),
      after: optional('`next` of the page before.'),
    },
    answer: object({
      runs: list(message('RunSummary')),
      next: text('For the next page; empty after the last one.'),
    }),
    handle({ door, query }) {
      const limit = query.limit || pageMost;
      const runs = [...door.port.list({ ...query, limit })];
      const last = runs.length < limit ? undefined : runs.at(-1);
      return { runs, next: last === undefined ? '' : `${last.submitted_at} ${last.run_id}` };
    },
  }),
  route<object, Submission>({
    method: 'POST',
    url: '/api/runs',
    summary: 'Submits a run. Answered when it is on the disk.',
    body: submission,
    answer: message('RunHandle'),
    handle: ({ door, body }) => door.port.submit({ ...body, user: body.user || door.user }),
  }),
  route<object, Submission>({
    method: 'POST',
    url: '/api/plan',
    summary: 'What would become of a submit; nothing is stored.',
    body: submission,
    answer: message('RunPlan'),
    handle: ({ door, body }) => door.port.plan({ ...body, user: body.user || door.user }),
  }),
  route({
    method: 'POST',
    url: '/api/inputs',
    summary: 'Uploads an input: an environment, or a diff. At most 16 MiB.',
    bytes: { limit: 2 ** 24 },
    answer: message('InputRef'),
    handle: ({ door, request }) => door.port.putInput(request.body as Buffer),
  }),
  route({
    method: 'GET',
    url: '/api/runs/:run',
    summary: 'A run: its summary, its configuration, its attempts. By id, prefix, name or @last.',
    answer: message('RunDetails'),
    handle: ({ door, params }) => door.port.details(params.run ?? ''),
  }),
  route<object, Retry>({
    method: 'POST',
    url: '/api/runs/:run/retry',
    summary: 'A new run like one that is over, with changes. Answered when it is on the disk.',
    body: {
      fields: {
        changes: {
          type: 'object',
          default: {},
          description: 'Fields of a TrainRunConfig that take the place of the run’s own.',
        },
        env_ref: envRef('the run’s own, which is deleted with its end (input_missing)'),
        ...named,
      },
    },
    answer: message('RunHandle'),
    handle: ({ door, params, body }) =>
      door.port.retry({ ...body, run: params.run ?? '', user: body.user || door.user }),
  }),
];
