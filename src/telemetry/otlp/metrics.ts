/** What /metrics shows as a request of OTLP: the same figures under OpenTelemetry's names. */
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { Resource } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import type { MetricSeries, MetricSnapshot } from '../metrics/snapshot.ts';
import { hrTime, scopeName } from './spans.ts';

/** OpenTelemetry's number of a value that is no integer. */
const double = 1;

export function encodeMetrics(
  { metrics, sinceMs, nowMs }: MetricSnapshot,
  resource: Resource,
): Uint8Array {
  const times = { startTime: hrTime(sinceMs), endTime: hrTime(nowMs) };
  const data = metrics.map(({ name, type, unit, help, series }): MetricData => {
    const base = {
      descriptor: { name, description: help, unit, valueType: double },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
    };
    const points = series.map(({ labels, value }) => ({ ...times, attributes: labels, value }));
    if (type === 'counter')
      return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points };
    if (type === 'gauge')
      return { ...base, dataPointType: DataPointType.GAUGE, dataPoints: points };
    const dataPoints = series.map((each) => ({
      ...times,
      attributes: each.labels,
      value: histogramOf(each),
    }));
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  });
  const scopeMetrics = [{ scope: { name: scopeName }, metrics: data }];
  return ProtobufMetricsSerializer.serializeRequest({ resource, scopeMetrics }) as Uint8Array;
}

/** Throws for what is no answer to such a request. */
export function readMetricsAnswer(body: Uint8Array): { rejected: number; why: string } {
  const { partialSuccess } = ProtobufMetricsSerializer.deserializeResponse(body);
  const { rejectedDataPoints = 0, errorMessage = '' } = partialSuccess ?? {};
  return { rejected: Number(rejectedDataPoints), why: errorMessage };
}

/** Prometheus counts all up to a bound, OTLP those between two. */
function histogramOf({ histogram }: MetricSeries) {
  const { sum = 0, count = 0, buckets = [] } = histogram ?? {};
  const own = buckets.map(({ count: upto }, index) => upto - (buckets[index - 1]?.count ?? 0));
  const counts = [...own, count - (buckets.at(-1)?.count ?? 0)];
  return { sum, count, buckets: { boundaries: buckets.map(({ le }) => le), counts } };
}
