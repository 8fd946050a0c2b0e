/** All figures at one moment, for whoever sends them elsewhere. Plain data, so that a thread can be handed it. */
import type { MetricType } from './catalogue.ts';

export type MetricSeries = {
  labels: Record<string, string>;
  value: number;
  /** Of a histogram: all up to each bound, but for the last, endless one. */
  histogram?: { sum: number; count: number; buckets: { le: number; count: number }[] };
};
export type MetricSnapshot = {
  /** From when on counters count, and when this was. Milliseconds since 1970. */
  sinceMs: number;
  nowMs: number;
  metrics: { name: string; type: MetricType; unit: string; help: string; series: MetricSeries[] }[];
};
