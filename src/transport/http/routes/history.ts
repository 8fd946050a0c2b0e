/** What came of runs: events, the steps of their charts, lines, points. */
import type { LogGap, LogLine, LogsRequest, MetricGap } from '../../../contracts/index.ts';
import { keyOnWire, pointOnWire, type WirePoint } from '../points.ts';
import {
  flag,
  list,
  message,
  object,
  optional,
  type Route,
  route,
  type Typed,
  whole,
} from '../route.ts';

const eventsMost = 1000;
const linesMost = 10_000;
const pointsMost = 200_000;
const attempt = whole('0: the latest.', 0);

type LogsQuery = Omit<LogsRequest, 'run' | 'follow' | 'begun'> & {
  stream: string;
  from_offset: number;
  grep: string;
  limit: number;
};
type MetricsQuery = {
  key: string;
  attempt: number;
  from_seq: number;
  last: number;
  source: string;
  thin: number;
  thin_width: number;
  limit: number;
};

export const historyRoutes: readonly Route[] = [
  route<{ from_seq: number; limit: number }>({
    method: 'GET',
    url: '/api/runs/:run/events',
    summary: 'Events of a run from a number on, as many as are durable.',
    query: {
      from_seq: whole('The first one wanted.', 1),
      limit: whole('Events, at most.', eventsMost, eventsMost),
    },
    answer: object({ events: list(message('RunEvent')), next_seq: { type: 'integer' } }),
    handle({ door: { port }, params, query }) {
      const from = Math.max(1, query.from_seq);
      const events = port.events(port.resolve(params.run ?? ''), from, query.limit);
      return { events, next_seq: (events.at(-1)?.seq ?? from - 1) + 1 };
    },
  }),
  route<{ after_pos: number; limit: number }>({
    method: 'GET',
    url: '/api/events',
    summary: 'Events of all runs after a position, in the order of the yard.',
    query: {
      after_pos: whole('The last position that is known.', 0),
      limit: whole('Events, at most.', eventsMost, eventsMost),
    },
    answer: object({ events: list(message('RunEvent')), pos: { type: 'integer' } }),
    handle({ door: { port }, query }) {
      const events = port.yardEvents(query.after_pos, query.limit);
      return { events, pos: events.at(-1)?.pos ?? query.after_pos };
    },
  }),
  route({
    method: 'GET',
    url: '/api/runs/:run/transitions',
    summary: 'Each step of a run’s life, with what its chart knew then and what began and ended.',
    answer: object({ transitions: list(message('Transition')) }),
    handle: async ({ door, params }) => ({
      transitions: await Array.fromAsync(door.port.transitions(params.run ?? '')),
    }),
  }),
  route<LogsQuery>({
    method: 'GET',
    url: '/api/runs/:run/logs',
    summary: 'Lines of an attempt: from a number, from a byte of a stream, from a time; searched.',
    query: {
      attempt,
      from_seq: whole('The first line wanted.', 0),
      stream: { enum: ['', 'stdout', 'stderr'], default: '', description: 'Only of this stream.' },
      from_offset: whole('Only lines of `stream` that begin at this byte of it, or later.', 0),
      since: optional('Only lines that came then or later, RFC 3339.'),
      tail: whole('Only the last lines that are there now; 0: all.', 0),
      stderr_only: flag('Only standard error.'),
      raw: flag('As they were written, with what a progress bar rewrote.'),
      grep: optional('Only lines with this text, in any case.'),
      limit: whole('Lines, at most.', 1000, linesMost),
    },
    answer: object({
      attempt: { type: 'integer' },
      lines: list(message('LogLine')),
      gaps: list(message('LogGap')),
      next_seq: { type: 'integer', description: 'Goes on after what was looked at.' },
      more: { type: 'boolean', description: 'The limit was reached.' },
    }),
    handle: readLogs,
  }),
  route<MetricsQuery>({
    method: 'GET',
    url: '/api/runs/:run/metrics',
    summary: 'Points of an attempt; thinned: the least, the greatest and the last of each range.',
    query: {
      attempt,
      key: optional('A name, or a pattern with * and ?.'),
      source: optional('Only of this source.'),
      from_seq: whole('The first point wanted.', 1),
      last: whole('Only the last of those that are there; 0: all.', 0),
      thin: whole('So many ranges; 0: all points.', 0, 100_000),
      thin_width: whole('Points a range instead, as an earlier answer said it.', 0),
      limit: whole('Points, at most.', 20_000, pointsMost),
    },
    answer: object({
      attempt: { type: 'integer' },
      points: list(message('MetricPoint')),
      gaps: list(message('MetricGap')),
      thin_width: { type: 'integer', description: 'Points a range; 0: not thinned.' },
      points_there: { type: 'integer', description: 'That `points` stand for.' },
      next_seq: { type: 'integer', description: 'Goes on after what was looked at.' },
      more: { type: 'boolean', description: 'The limit was reached.' },
    }),
    handle: readMetrics,
  }),
  route<{ runs: string; key: string; attempt: number }>({
    method: 'GET',
    url: '/api/metric-keys',
    summary: 'What is known of each metric of runs: the last value, the least, the greatest.',
    query: {
      runs: optional('Runs, with commas between.'),
      key: optional('A name, or a pattern with * and ?.'),
      attempt,
    },
    answer: object({ keys: list(message('MetricKey')) }),
    async handle({ door, query, signal }) {
      const runs = query.runs.split(',').filter((run) => run !== '');
      const keys: object[] = [];
      for await (const key of door.port.metricKeys({ ...query, runs }, signal))
        keys.push(keyOnWire(key));
      return { keys };
    },
  }),
];

async function readLogs({ door, params, query, signal }: Typed<LogsQuery>): Promise<object> {
  const { stream, from_offset: fromOffset, grep, limit, ...rest } = query;
  const request = { ...rest, run: params.run ?? '', follow: false, begun: false };
  const wanted = grep.toLowerCase();
  const isWanted = (line: LogLine): boolean =>
    (stream === '' || line.stream === stream) &&
    (fromOffset === 0 || line.offset >= fromOffset) &&
    (wanted === '' || line.text.toLowerCase().includes(wanted));
  const lines: LogLine[] = [];
  const gaps: LogGap[] = [];
  let next = query.from_seq;
  let found = query.attempt;
  for await (const chunk of door.port.logs(request, signal)) {
    found = chunk.attempt;
    gaps.push(...chunk.gaps.filter((gap) => stream === '' || gap.stream === stream));
    for (const line of chunk.lines) {
      if (lines.length === limit)
        return { attempt: found, lines, gaps, next_seq: next, more: true };
      if (isWanted(line)) lines.push(line);
      next = line.seq + 1;
    }
  }
  return { attempt: found, lines, gaps, next_seq: next, more: false };
}

async function readMetrics({ door, params, query, signal }: Typed<MetricsQuery>): Promise<object> {
  const { limit, ...rest } = query;
  const how = { follow: false, json: false, snapshot: false };
  const points: WirePoint[] = [];
  const gaps: MetricGap[] = [];
  let [next, width, there, found, more] = [Math.max(1, query.from_seq), 0, 0, query.attempt, false];
  for await (const batch of door.port.metrics({ ...rest, ...how, run: params.run ?? '' }, signal)) {
    found = batch.attempt;
    // Whole batches: a range of numbers is told of once.
    if (points.length > 0 && points.length + batch.points.length > limit) {
      more = true;
      break;
    }
    points.push(...batch.points.map(pointOnWire));
    gaps.push(...batch.gaps);
    width = batch.thinned?.width ?? width;
    there += batch.thinned?.points ?? batch.points.length;
    next = Math.max(next, batch.last_seq + 1);
  }
  return {
    attempt: found,
    points,
    gaps,
    thin_width: width,
    points_there: there,
    next_seq: next,
    more,
  };
}
