/** Alert rules for Prometheus. Each names its page in docs/runbooks/. */
import { stringify } from 'yaml';
import { type MetricName, prometheusName as p } from '../../src/telemetry/metrics/index.ts';

export type Alert = {
  name: string;
  expr: string;
  /** How long it has to hold. */
  for: string;
  severity: 'page' | 'ticket';
  summary: string;
  /** docs/runbooks/<page>.md */
  page: string;
};

const part = (name: string): string => `${p('runyard.health.reasons')}{part="${name}"} > 0`;
const slow = (name: MetricName, q: number): string =>
  `histogram_quantile(${q}, sum by (instance, le) (rate(${p(name)}_bucket[10m])))`;

/** A daemon counts what a restart of the machine took before anybody asks it: such a series begins above 0. */
const unseen = `${p('runyard.runs.finished')}{reason=~"machine_rebooted|trainer_vanished|exit_unobserved"}`;

export const alerts: readonly Alert[] = [
  {
    name: 'RunyardDown',
    expr: 'up{job="runyard"} == 0',
    for: '2m',
    severity: 'page',
    summary:
      'The daemon of {{ $labels.instance }} does not answer. Live runs go on; nothing new starts.',
    page: 'daemon-down',
  },
  {
    name: 'RunyardRestarting',
    expr: `changes(${p('process.start_time')}[30m]) > 2`,
    for: '0m',
    severity: 'ticket',
    summary: 'The daemon of {{ $labels.instance }} began {{ $value }} times in half an hour.',
    page: 'daemon-restarting',
  },
  {
    name: 'RunyardRegistryFailing',
    expr: part('registry'),
    for: '1m',
    severity: 'page',
    summary:
      'The registry of {{ $labels.instance }} is not well ({{ $labels.severity }}): see runyard status.',
    page: 'registry-failing',
  },
  {
    name: 'RunyardDiskFull',
    expr: part('disk'),
    for: '1m',
    severity: 'page',
    summary: '{{ $labels.instance }} refuses new runs for want of disk.',
    page: 'disk-full',
  },
  {
    name: 'RunyardDiskFilling',
    expr: `predict_linear(${p('runyard.disk.free')}[1h], 4 * 3600) < 0 and ${p('runyard.disk.free')} < 20 * 2^30`,
    for: '15m',
    severity: 'ticket',
    summary: 'The disk of {{ $labels.instance }} is full in less than four hours.',
    page: 'disk-full',
  },
  {
    name: 'RunyardBusAway',
    expr: `${p('runyard.bus.connected')} == 0 or on (instance) ${part('bus')}`,
    for: '2m',
    severity: 'ticket',
    summary: 'The bus of {{ $labels.instance }} does not work. Runs go on; events and points wait.',
    page: 'bus-away',
  },
  {
    name: 'RunyardSlurmAway',
    expr: part('slurm'),
    for: '5m',
    severity: 'ticket',
    summary:
      'Slurm does not answer {{ $labels.instance }}. Jobs that run go on; new ones wait for it.',
    page: 'slurm-away',
  },
  {
    name: 'RunyardOutboxStuck',
    expr: `${p('runyard.outbox.age')} > 300`,
    for: '1m',
    severity: 'ticket',
    summary: 'The oldest event of {{ $labels.instance }} has waited {{ $value }} s for the bus.',
    page: 'bus-away',
  },
  {
    name: 'RunyardStreamLagging',
    expr: `${p('runyard.stream.lag')} > 10000`,
    for: '15m',
    severity: 'ticket',
    summary: '{{ $value }} messages of {{ $labels.stream }} are not in the runs’ directories yet.',
    page: 'stream-lagging',
  },
  {
    name: 'RunyardWalGrows',
    expr: `${p('runyard.registry.wal.size')} > 64 * 2^20`,
    for: '5m',
    severity: 'ticket',
    summary:
      'The log of the registry has grown to {{ $value | humanize1024 }}B: somebody reads without an end.',
    page: 'wal-grows',
  },
  {
    name: 'RunyardCommitsSlow',
    expr: `${slow('runyard.registry.commit.duration', 0.99)} > 0.05`,
    for: '10m',
    severity: 'ticket',
    summary: 'A hundredth of the commits of {{ $labels.instance }} takes more than {{ $value }} s.',
    page: 'commits-slow',
  },
  {
    name: 'RunyardLoopBlocked',
    expr: `${p('nodejs.eventloop.delay.p99')} > 0.25`,
    for: '10m',
    severity: 'ticket',
    summary: 'The daemon of {{ $labels.instance }} is late by {{ $value }} s.',
    page: 'loop-blocked',
  },
  {
    name: 'RunyardQueueStuck',
    expr: `sum by (instance) (${p('runyard.runs')}{state="queued"}) > 0 and on (instance) increase(${p('runyard.queue.wait')}_count[1h]) == 0 and on (instance) sum by (instance) (${p('runyard.runs')}{state!="queued"}) == 0`,
    for: '30m',
    severity: 'ticket',
    summary: 'Runs wait in {{ $labels.instance }}, none is live, and none has started for an hour.',
    page: 'queue-stuck',
  },
  {
    name: 'RunyardGpuLost',
    expr: `${p('runyard.gpus')}{state="shut"} > 0 or on (instance) ${part('gpus')}`,
    for: '10m',
    severity: 'ticket',
    summary: 'A GPU of {{ $labels.instance }} is given to nobody: runyard gpus says why.',
    page: 'gpu-lost',
  },
  {
    name: 'RunyardUnkillable',
    expr: `${p('runyard.leases')}{state="quarantined"} > 0`,
    for: '5m',
    severity: 'page',
    summary: 'What a run left on {{ $labels.instance }} does not die; its slots are set aside.',
    page: 'unkillable',
  },
  {
    name: 'RunyardRunsLost',
    expr: `sum by (instance) (increase(${unseen}[15m])) > 0 or sum by (instance) (${unseen} unless ${unseen} offset 15m) > 0`,
    for: '0m',
    severity: 'ticket',
    summary: '{{ $value }} runs of {{ $labels.instance }} ended in a way that nobody saw.',
    page: 'runs-lost',
  },
  {
    name: 'RunyardTracesStuck',
    expr: `${p('runyard.trace.failing')} == 1`,
    for: '15m',
    severity: 'ticket',
    summary: 'The collector takes no spans of {{ $labels.instance }}.',
    page: 'traces-stuck',
  },
  {
    name: 'RunyardTracesDropped',
    expr: `sum by (instance, cause) (increase(${p('runyard.trace.dropped_spans')}[15m])) > 0`,
    for: '0m',
    severity: 'ticket',
    summary: '{{ $value }} spans of {{ $labels.instance }} were given up ({{ $labels.cause }}).',
    page: 'traces-stuck',
  },
  {
    name: 'RunyardLogLost',
    expr: `increase(${p('runyard.log.lost_lines')}[15m]) > 0`,
    for: '0m',
    severity: 'ticket',
    summary: 'The daemon of {{ $labels.instance }} could not write {{ $value }} lines of its log.',
    page: 'log-lost',
  },
];

/** A file of rules. */
export function alertRules(): string {
  const rules = alerts.map(({ name, expr, severity, summary, page, for: held }) => ({
    alert: name,
    expr,
    for: held,
    labels: { severity },
    annotations: { summary, runbook: `docs/runbooks/${page}.md` },
  }));
  const text = stringify({ groups: [{ name: 'runyard', rules }] }, { lineWidth: 0 });
  return `# Generated by scripts/gen.ts from scripts/observability/alerts.ts: do not edit.\n${text}`;
}
