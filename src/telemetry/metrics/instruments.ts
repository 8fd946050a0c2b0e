/** The catalogue's instruments, and what they show: as Prometheus reads it, or as plain data. */
import { Counter, Gauge, Histogram, type MetricObjectWithValues, Registry } from 'prom-client';
import {
  catalogue,
  longBounds,
  type MetricAbout,
  type MetricName,
  prometheusLabel,
  prometheusName,
  shortBounds,
} from './catalogue.ts';
import type { MetricSeries, MetricSnapshot } from './snapshot.ts';

type Labels = Readonly<Record<string, string>>;

export type Instruments = {
  /** A counter goes on by so much, a gauge is set, a histogram counts a value: by the catalogue. */
  record(name: MetricName, value: number, labels?: Labels): void;
  /** Forgets the series of a gauge: those that are set next are all that it has. */
  clear(name: MetricName): void;
  /** Media type of `text`. */
  readonly contentType: string;
  /** The exposition format of Prometheus. */
  text(): Promise<string>;
  snapshot(): Promise<MetricSnapshot>;
};

export function createInstruments(nowMs: () => number = Date.now): Instruments {
  const registry = new Registry();
  const sinceMs = nowMs();
  const names = Object.keys(catalogue) as MetricName[];
  const made = new Map(names.map((name) => [name, instrument(name, registry)]));

  return {
    record: (name, value, labels = {}) => made.get(name)?.record(value, prometheusLabels(labels)),
    clear: (name) => made.get(name)?.clear(),
    contentType: registry.contentType,
    text: () => registry.metrics(),
    async snapshot() {
      const found = await registry.getMetricsAsJSON();
      const values = new Map(found.map((each) => [each.name, each.values]));
      const metrics = names.map((name) => {
        const { type, unit, help, labels } = catalogue[name];
        const series = seriesOf(catalogue[name], labels, values.get(prometheusName(name)) ?? []);
        return { name, type, unit, help, series };
      });
      return { sinceMs, nowMs: nowMs(), metrics };
    },
  };
}

type Instrument = { record(value: number, labels: Labels): void; clear(): void };

function instrument(name: MetricName, registry: Registry): Instrument {
  const { type, help, labels }: MetricAbout = catalogue[name];
  const about = {
    name: prometheusName(name),
    help,
    labelNames: labels.map(prometheusLabel),
    registers: [registry],
  };
  if (type === 'gauge') {
    const one = new Gauge(about);
    return { record: (value, of) => one.set({ ...of }, value), clear: () => one.reset() };
  }
  if (type === 'counter') {
    const one = new Counter(about);
    return { record: (value, of) => one.inc({ ...of }, value), clear: () => undefined };
  }
  const bounds = name === 'runyard.queue.wait' ? longBounds : shortBounds;
  const one = new Histogram({ ...about, buckets: [...bounds] });
  return { record: (value, of) => one.observe({ ...of }, value), clear: () => undefined };
}

type Of = Partial<Record<string, string | number>>;
type Values = MetricObjectWithValues<{
  value: number;
  labels: Of;
  metricName?: string;
}>['values'];

function seriesOf(
  { type }: MetricAbout,
  labels: readonly string[],
  values: Values,
): MetricSeries[] {
  const own = (of: Of): Record<string, string> =>
    Object.fromEntries(labels.map((label) => [label, String(of[prometheusLabel(label)] ?? '')]));
  if (type !== 'histogram')
    return values.map((each) => ({ labels: own(each.labels), value: each.value }));
  // None of ours has labels: there is one series.
  const part = (suffix: string): number =>
    values.find(({ metricName }) => metricName?.endsWith(suffix))?.value ?? 0;
  const buckets = values
    .filter(({ labels: of }) => typeof of.le === 'number')
    .map(({ labels: of, value }) => ({ le: Number(of.le), count: value }));
  return [
    { labels: {}, value: 0, histogram: { sum: part('_sum'), count: part('_count'), buckets } },
  ];
}

function prometheusLabels(labels: Labels): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).map(([label, value]) => [prometheusLabel(label), value]),
  );
}
