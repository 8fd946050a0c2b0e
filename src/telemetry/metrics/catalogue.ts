/**
 * All figures that the daemon gives out, in one place: what is not here does not exist. Names and units are
 * OpenTelemetry's (UCUM); Prometheus has them under `prometheusName`. No label has a value for each run.
 * docs/metrics.md is made of this.
 */
export type MetricType = 'gauge' | 'counter' | 'histogram';
export type MetricAbout = {
  readonly type: MetricType;
  /** UCUM: s, By, {run}; empty: a plain number. */
  readonly unit: string;
  readonly labels: readonly string[];
  readonly help: string;
};

/** From a fifth of a millisecond to ten seconds: what a commit and what a stall take. */
export const shortBounds = [
  0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
] as const;
/** From a tenth of a second to a week. */
export const longBounds = [
  0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 604_800,
] as const;

const gauge = (unit: string, help: string, labels: readonly string[] = []): MetricAbout => ({
  type: 'gauge',
  unit,
  labels,
  help,
});
const counter = (unit: string, help: string, labels: readonly string[] = []): MetricAbout => ({
  type: 'counter',
  unit,
  labels,
  help,
});
const histogram = (help: string): MetricAbout => ({
  type: 'histogram',
  unit: 's',
  labels: [],
  help,
});

export const catalogue = {
  'runyard.build.info': gauge('', 'Always 1; its labels say who answers.', ['version', 'yard']),
  'runyard.runs': gauge('{run}', 'Runs that are not over, by the state of their chart.', ['state']),
  'runyard.runs.finished': counter(
    '{run}',
    'Runs that ended since the daemon began, by status and reason (docs/reasons.md).',
    ['status', 'reason'],
  ),
  'runyard.attempts.retried': counter('{attempt}', 'Attempts that another one followed.'),
  'runyard.queue.wait': histogram('From the entry into the queue to the grant of slots.'),
  'runyard.transition.duration': histogram('From an event at a run’s chart to its commit.'),
  'runyard.cpu.slots': gauge('{slot}', 'Slots for runs without GPUs (the setting `parallel`).'),
  'runyard.gpus': gauge(
    '{gpu}',
    'GPUs: free, held, foreign (used by others), or shut (drained, aside, sick).',
    ['state'],
  ),
  'runyard.leases': gauge('{lease}', 'Leases of slots: active, or quarantined.', ['state']),
  'runyard.workers': gauge('{worker}', 'Processes of the pool: idle or busy.', ['state']),
  'runyard.registry.commit.duration': histogram('Commits of the registry.'),
  'runyard.registry.wal.size': gauge('By', 'Size of the registry’s log.'),
  'runyard.registry.checkpoints': counter('{checkpoint}', 'Checkpoints, by what asked for them.', [
    'cause',
  ]),
  'runyard.registry.checkpoint.duration': histogram('Checkpoints of the registry’s log.'),
  'runyard.outbox.events': gauge('{event}', 'Events that the bus has not acknowledged.'),
  'runyard.outbox.age': gauge('s', 'Age of the oldest of them; 0: there is none.'),
  'runyard.bus.connected': gauge('', '1 while the daemon is on the bus, else 0.'),
  'runyard.stream.lag': gauge(
    '{message}',
    'Messages of a stream that are not in the runs’ directories yet.',
    ['stream'],
  ),
  'runyard.stream.size': gauge('By', 'What a stream of the bus has stored.', ['stream']),
  'runyard.output.dropped': counter(
    'By',
    'Output of trainers that is not kept, because of a run’s limit or a full disk; counted when an attempt ends.',
  ),
  'runyard.points.lost': counter(
    '{point}',
    'Points that the bus had lost before they were in their run’s directory.',
  ),
  'runyard.trace.exported_spans': counter('{span}', 'Spans that the collector took.'),
  'runyard.trace.dropped_spans': counter(
    '{span}',
    'Spans that were given up: too many or too old, or not wanted by the collector.',
    ['cause'],
  ),
  'runyard.trace.backlog': gauge('{transition}', 'Transitions that wait for the collector.'),
  'runyard.trace.failing': gauge('', '1 while the collector takes no spans, else 0.'),
  'runyard.log.lost_lines': counter(
    '{line}',
    'Lines of the daemon’s log that could not be written.',
  ),
  'runyard.health.reasons': gauge('{reason}', 'What is wrong, as `runyard status` has it.', [
    'part',
    'severity',
  ]),
  'runyard.disk.free': gauge('By', 'Free space where the state directory is.'),
  'nodejs.eventloop.delay.p50': gauge('s', 'Delay of the daemon’s event loop since the last look.'),
  'nodejs.eventloop.delay.p99': gauge('s', 'The same, 99th percentile.'),
  'nodejs.eventloop.delay.max': gauge('s', 'The same, greatest.'),
  'process.cpu.time': counter('s', 'CPU time of the daemon.', ['cpu.mode']),
  'process.memory.usage': gauge('By', 'Resident memory of the daemon.'),
  'process.start_time': gauge('s', 'When the daemon began, seconds since 1970.'),
} as const satisfies Record<string, MetricAbout>;

export type MetricName = keyof typeof catalogue;

const unitNames: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' };

/** `runyard.queue.wait` in `s` is `runyard_queue_wait_seconds`; counters end in `_total`. */
export function prometheusName(name: MetricName): string {
  const { type, unit } = catalogue[name];
  const unitName = unitNames[unit];
  return [
    name.replaceAll('.', '_'),
    ...(unitName === undefined ? [] : [unitName]),
    ...(type === 'counter' ? ['total'] : []),
  ].join('_');
}

/** Labels as Prometheus can have them: `cpu.mode` is `cpu_mode`. */
export function prometheusLabel(label: string): string {
  return label.replaceAll('.', '_');
}
