/** The dashboard for Grafana, by Grafana's own builders: panels of the catalogue's figures. */
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as SeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { type MetricName, prometheusName as p } from '../../src/telemetry/metrics/index.ts';

const source = { type: 'prometheus', uid: '$' + '{source}' };
/** One yard, or all of them: Prometheus' own label of who was scraped. */
const of = (name: MetricName, labels = ''): string =>
  `${p(name)}{instance=~"$yard"${labels === '' ? '' : `,${labels}`}}`;
const rate = (name: MetricName, labels = ''): string =>
  `rate(${of(name, labels)}[$__rate_interval])`;
const quantile = (q: number, name: MetricName): string =>
  `histogram_quantile(${q}, sum by (le) (rate(${p(name)}_bucket{instance=~"$yard"}[$__rate_interval])))`;

type Query = readonly [expr: string, legend: string];

function stat(title: string, query: string, unit = 'short'): StatBuilder {
  return new StatBuilder()
    .title(title)
    .datasource(source)
    .unit(unit)
    .height(4)
    .span(4)
    .withTarget(new DataqueryBuilder().datasource(source).expr(query).instant().refId('A'));
}

function series(title: string, unit: string, queries: readonly Query[]): SeriesBuilder {
  const panel = new SeriesBuilder()
    .title(title)
    .datasource(source)
    .unit(unit)
    .height(8)
    .span(8)
    .min(0);
  for (const [index, [expr, legend]] of queries.entries()) {
    const refId = String.fromCharCode(65 + index);
    const target = new DataqueryBuilder().datasource(source).expr(expr);
    panel.withTarget(target.legendFormat(legend).refId(refId));
  }
  return panel;
}

const latency = (name: MetricName): Query[] => [
  [quantile(0.5, name), 'p50'],
  [quantile(0.99, name), 'p99'],
];

/** JSON that Grafana imports, or a provisioning directory holds. */
export function dashboard(): string {
  const live = of('runyard.runs', 'state=~"running.*"');
  const built = new DashboardBuilder('Runyard')
    .uid('runyard')
    .tags(['runyard'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .withVariable(new DatasourceVariableBuilder('source').label('Prometheus').type('prometheus'))
    .withVariable(
      new QueryVariableBuilder('yard')
        .label('Yard')
        .datasource(source)
        .query(`label_values(${p('runyard.build.info')}, instance)`)
        .multi(true)
        .includeAll(true),
    )
    .withRow(new RowBuilder('Now'))
    .withPanel(stat('Live runs', `sum(${live})`))
    .withPanel(stat('Waiting runs', `sum(${of('runyard.runs', 'state="queued"')})`))
    .withPanel(stat('Free GPUs', `sum(${of('runyard.gpus', 'state="free"')})`))
    .withPanel(stat('What is wrong', `sum(${of('runyard.health.reasons')}) or vector(0)`))
    .withPanel(stat('Free disk', `min(${of('runyard.disk.free')})`, 'bytes'))
    .withPanel(stat('Up since', `min(${of('process.start_time')}) * 1000`, 'dateTimeFromNow'))
    .withRow(new RowBuilder('Runs'))
    .withPanel(
      series('Runs by state', 'short', [[`sum by (state) (${of('runyard.runs')})`, '{{state}}']]),
    )
    .withPanel(
      series('Ends per hour', 'short', [
        [
          `3600 * sum by (status, reason) (${rate('runyard.runs.finished')})`,
          '{{status}} {{reason}}',
        ],
      ]),
    )
    .withPanel(series('Wait in the queue', 's', latency('runyard.queue.wait')))
    .withPanel(series('GPUs', 'short', [[`sum by (state) (${of('runyard.gpus')})`, '{{state}}']]))
    .withPanel(
      series('Leases', 'short', [[`sum by (state) (${of('runyard.leases')})`, '{{state}}']]),
    )
    .withPanel(
      series('Workers', 'short', [[`sum by (state) (${of('runyard.workers')})`, '{{state}}']]),
    )
    .withRow(new RowBuilder('Decisions and the registry'))
    .withPanel(series('Transitions', 's', latency('runyard.transition.duration')))
    .withPanel(series('Commits', 's', latency('runyard.registry.commit.duration')))
    .withPanel(series('Checkpoints', 's', latency('runyard.registry.checkpoint.duration')))
    .withPanel(
      series('Log of the registry', 'bytes', [[of('runyard.registry.wal.size'), '{{instance}}']]),
    )
    .withPanel(
      series('Checkpoints by cause', 'ops', [
        [`sum by (cause) (${rate('runyard.registry.checkpoints')})`, '{{cause}}'],
      ]),
    )
    .withPanel(
      series('Event loop', 's', [
        [of('nodejs.eventloop.delay.p50'), 'p50'],
        [of('nodejs.eventloop.delay.p99'), 'p99'],
        [of('nodejs.eventloop.delay.max'), 'max'],
      ]),
    )
    .withRow(new RowBuilder('Bus and collectors'))
    .withPanel(
      series('Outbox', 'short', [
        [of('runyard.outbox.events'), 'events'],
        [of('runyard.outbox.age'), 'age of the oldest, s'],
      ]),
    )
    .withPanel(series('Lag', 'short', [[of('runyard.stream.lag'), '{{stream}}']]))
    .withPanel(series('Streams', 'bytes', [[of('runyard.stream.size'), '{{stream}}']]))
    .withPanel(
      series('Lost of what trainers gave', 'short', [
        [rate('runyard.output.dropped'), 'bytes of output per second'],
        [rate('runyard.points.lost'), 'points per second'],
      ]),
    )
    .withPanel(
      series('Spans', 'cps', [
        [rate('runyard.trace.exported_spans'), 'handed over'],
        [rate('runyard.trace.dropped_spans'), 'dropped: {{cause}}'],
      ]),
    )
    .withPanel(
      series('Transitions that wait for the collector', 'short', [
        [of('runyard.trace.backlog'), '{{instance}}'],
      ]),
    )
    .withPanel(
      series('The daemon', 'short', [
        [`sum(${rate('process.cpu.time')})`, 'CPUs'],
        [`${of('process.memory.usage')} / 2^30`, 'GiB'],
        [rate('runyard.log.lost_lines'), 'log lines lost per second'],
      ]),
    )
    .build();
  return `${JSON.stringify(built, null, 2)}\n`;
}
