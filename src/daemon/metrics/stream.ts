/** `StreamMetrics`: what is known, what is there, what comes. */
import type {
  MetricKey,
  MetricKeysRequest,
  MetricsRequest,
  MetricWireBatch,
} from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';
import { nameMatcher } from '../../history/index.ts';
import type { MetricKeyRow, MetricStore } from '../../persistence/index.ts';
import { batches, empty, pointsOf, wantedBy } from './batches.ts';
import { type PiecesOptions, pieces } from './pieces.ts';
import { lastOf } from './seek.ts';

export type StreamOptions = Omit<PiecesOptions, 'attempt' | 'from' | 'to' | 'follow' | 'known'> & {
  which: { runId: string; attempt: number };
  request: MetricsRequest;
  store: MetricStore;
  /** Resolves once the last points of an attempt that has just ended are known. */
  settled: () => Promise<void>;
};

const snapshotKeys = 1000;
const lastMost = 1_000_000;
/** The last N of few among many are looked for in parts of this many times N. */
const partTimes = 4;

/** Throws `usage`, and `bus_unavailable` when the rest is on a bus that is away. */
export async function* streamMetrics(options: StreamOptions): AsyncGenerator<MetricWireBatch> {
  const { which, request, store, bus } = options;
  const { attempt } = which;
  if (!request.follow) await options.settled();
  const known = () => {
    const row = store.count(which.runId, attempt);
    return { upto: row?.upto ?? 0, ended: row?.ended === 1 };
  };
  const common = { ...options, attempt, known };
  const first = Math.max(1, request.from_seq);
  const needsEnd = request.last > 0 || (request.thin > 0 && request.thin_width === 0);
  const end = needsEnd ? Math.max(known().upto, await lastOnBus(bus, attempt)) : 0;
  const from = request.last > 0 ? await firstOfLast(common, request, first, end) : first;
  const width = request.thin_width || widthOf(request.thin, from, end);
  if (request.snapshot) {
    const keys = keysOf(store, which, request.key).slice(0, snapshotKeys);
    const range = { first_seq: from, last_seq: from - 1 };
    yield { ...empty, attempt, ...range, snapshot: { seq: known().upto, keys } };
  }
  const all = pieces({ ...common, from, to: null, follow: request.follow });
  yield* batches(all, { ...request, attempt, from, width });
}

/** `ListMetrics`, of runs that are known to be there. */
export async function* listMetrics(
  store: MetricStore,
  runs: readonly { runId: string; attempt: number }[],
  request: Pick<MetricKeysRequest, 'key'>,
  settled: (which: { runId: string; attempt: number }) => Promise<void>,
): AsyncGenerator<MetricKey> {
  await Promise.all(runs.map(settled));
  for (const which of runs) yield* keysOf(store, which, request.key);
}

function keysOf(
  store: MetricStore,
  { runId, attempt }: { runId: string; attempt: number },
  pattern: string,
): MetricKey[] {
  const isNamed = nameMatcher(pattern);
  return store
    .keys(runId, attempt)
    .filter(({ key }) => isNamed(key))
    .map(toKey);
}

function toKey({ last, min, max, ...rest }: MetricKeyRow): MetricKey {
  return {
    ...rest,
    last: last ?? Number.NaN,
    min: min ?? Number.NaN,
    max: max ?? Number.NaN,
  };
}

async function lastOnBus(bus: PiecesOptions['bus'], attempt: number): Promise<number> {
  const found = bus();
  return found === null ? 0 : lastOf(found.reader, attempt);
}

function widthOf(ranges: number, from: number, end: number): number {
  return ranges === 0 ? 0 : Math.max(1, Math.ceil((end - from + 1) / ranges));
}

/** The number of the first of the last points that are asked for. */
async function firstOfLast(
  options: Omit<PiecesOptions, 'from' | 'to' | 'follow'>,
  request: MetricsRequest,
  first: number,
  end: number,
): Promise<number> {
  const { last: count } = request;
  if (count > lastMost) {
    const rule = `must be at most ${lastMost}`;
    const violations = [{ field: 'last', rule, hint: 'use from_seq' }];
    throw new RunyardError('usage', 'these points cannot be read', { violations });
  }
  if (request.key === '' && request.source === '') return Math.max(first, end - count + 1);
  const isWanted = wantedBy(request);
  for (let part = count * partTimes; ; part *= partTimes) {
    const from = Math.max(first, end - part + 1);
    const found: number[] = [];
    for await (const piece of pieces({ ...options, from, to: end, follow: false })) {
      for (const point of pointsOf(piece)) if (isWanted(point)) found.push(point.seq);
      if (found.length > 2 * count) found.splice(0, found.length - count);
    }
    if (found.length >= count || from === first) return found.at(-count) ?? found[0] ?? first;
  }
}
