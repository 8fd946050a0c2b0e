/** Percentiles and output of figures. */
import os from 'node:os';

export type Figure = {
  metric: string;
  unit: string;
  n: number;
  p50?: number;
  p95?: number;
  p99?: number;
  value?: number;
  /** The same measured in the same run without us. */
  baseline?: number;
  ratio?: number;
  load?: string;
};

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1);
  return round(sorted[Math.max(0, index)] ?? Number.NaN);
}

export function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** A table for people, or a JSON line per figure. */
export function print(figures: readonly Figure[], json: boolean): void {
  const load = `${os.availableParallelism()} cores, load ${os.loadavg()[0]?.toFixed(2)}`;
  for (const figure of figures) {
    if (json) {
      const both = figure.load === undefined ? load : `${figure.load}; ${load}`;
      console.log(JSON.stringify({ ...figure, load: both }));
      continue;
    }
    const { metric, unit, n, p50, p95, p99, value, baseline, ratio } = figure;
    const main =
      value === undefined
        ? `p50 ${p50}${p95 === undefined ? '' : `  p95 ${p95}`}  p99 ${p99}`
        : String(value);
    const beside = baseline === undefined ? '' : `  baseline ${baseline}`;
    const by = ratio === undefined ? '' : `  ratio ${ratio}`;
    console.log(`${metric.padEnd(22)} ${main} ${unit}  n=${n}${beside}${by}`);
  }
}
