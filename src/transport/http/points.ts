/** Points as JSON carries them: NaN and the infinities by their names. */
import type { MetricKey, MetricPoint, MetricWireBatch } from '../../contracts/index.ts';
import { toBusNumber, type WireNumber } from '../../numbers.ts';

export type WirePoint = Omit<MetricPoint, 'value'> & { value: WireNumber };
export type WireKey = Omit<MetricKey, 'last' | 'min' | 'max'> &
  Record<'last' | 'min' | 'max', WireNumber>;

export function pointOnWire(point: MetricPoint): WirePoint {
  return { ...point, value: toBusNumber(point.value) };
}

export function keyOnWire(key: MetricKey): WireKey {
  const { last, min, max } = key;
  return { ...key, last: toBusNumber(last), min: toBusNumber(min), max: toBusNumber(max) };
}

export function batchOnWire({ json: _, snapshot, ...batch }: MetricWireBatch): object {
  return {
    ...batch,
    points: batch.points.map(pointOnWire),
    snapshot: snapshot === null ? null : { ...snapshot, keys: snapshot.keys.map(keyOnWire) },
  };
}
