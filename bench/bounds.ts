/** What `npm run bench -- --gate` holds figures to. Times are a machine's own: the gate is no test. */
import type { Figure } from './measure.ts';

type Bound = { field: 'p50' | 'p99' | 'value' | 'ratio'; most: number; why: string };

/** By metric; a metric without a row here is only printed. */
export const bounds: Readonly<Record<string, Bound>> = {
  log_flood_ratio: { field: 'ratio', most: 2, why: '1 GB of output takes at most twice its cat' },
  commit_ms: { field: 'p99', most: 50, why: 'a registry write takes less than 50 ms' },
  schedule_ms: {
    field: 'p99',
    most: 10,
    why: 'it is decided within 10 ms who of 10,000 waiting runs starts on 64 GPUs',
  },
  readopt_ms: { field: 'p99', most: 2000, why: '100 live runs are re-adopted within 2 s' },
};

/** Why a figure is out of bounds, as a sentence; null when it is within, or has none. */
export function brokenBound(figure: Figure): string | null {
  const bound = bounds[figure.metric];
  if (bound === undefined) return null;
  const is = figure[bound.field];
  if (is !== undefined && is <= bound.most) return null;
  return `${figure.metric} ${bound.field} is ${is ?? 'missing'}, at most ${bound.most} may be: ${bound.why}`;
}
