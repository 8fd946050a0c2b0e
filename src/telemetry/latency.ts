/** How long something recently took: a histogram of bounded size that forgets. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export type Latency = {
  record(ms: number): void;
  /** Of what was recorded within the last one to two spans; 0 when that was nothing. */
  p99(): number;
};

const spanMs = 60_000;
const nsPerMs = 1e6;

export function createLatency(nowMs: () => number = () => performance.now()): Latency {
  let newest = histogram();
  let older = histogram();
  let since = nowMs();

  /** The older half goes, so that an hour-old stall is not told for ever. */
  const turn = (): void => {
    const spans = Math.floor((nowMs() - since) / spanMs);
    if (spans === 0) return;
    older = spans === 1 ? newest : histogram();
    newest = histogram();
    since += spans * spanMs;
  };

  return {
    record(ms) {
      turn();
      newest.record(Math.max(1, Math.round(ms * nsPerMs)));
    },
    p99() {
      turn();
      const both = histogram();
      both.add(older);
      both.add(newest);
      return both.count === 0 ? 0 : both.percentile(99) / nsPerMs;
    },
  };
}

function histogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: 600 * 1000 * nsPerMs, figures: 2 });
}
