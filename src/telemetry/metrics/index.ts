export {
  catalogue,
  type MetricAbout,
  type MetricName,
  type MetricType,
  prometheusLabel,
  prometheusName,
} from './catalogue.ts';
export { createInstruments, type Instruments } from './instruments.ts';
export type { MetricSeries, MetricSnapshot } from './snapshot.ts';
