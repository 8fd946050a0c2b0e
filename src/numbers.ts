/** How JSON carries the numbers that it has no way to write: the same on the bus and in files of ours. */

export type WireNumber = number | 'NaN' | 'Infinity' | '-Infinity';

/** A measured number as JSON can carry it. */
export function toBusNumber(value: number): WireNumber {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return value;
  return value > 0 ? 'Infinity' : '-Infinity';
}

export function fromBusNumber(value: WireNumber): number {
  return Number(value);
}

/** An integer as JSON can carry it: a decimal string beyond 2^53, where doubles skip numbers. */
export function toBusInteger(value: number | bigint): number | string {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : BigInt(value).toString();
}
