/** Pieces of an attempt as the batches that the API sends: those asked for, in ranges without a hole. */
import type { MetricPoint, MetricsRequest, MetricWireBatch } from '../../contracts/index.ts';
import { nameMatcher, type PointLine } from '../../history/index.ts';
import type { Piece } from './pieces.ts';
import { createThinner, type Range, type Thinner } from './thin.ts';

export type Wanted = Pick<MetricsRequest, 'key' | 'source'>;

/** A batch stays far below what a client accepts. */
const batchPoints = 2000;
/** Numbers that were not asked for are told to be passed from time to time: from there one goes on. */
const passedMost = 50_000;

/** What one who asks for these points takes. */
export function wantedBy({ key, source }: Wanted): (point: PointLine) => boolean {
  const isNamed = nameMatcher(key);
  return (point) => (source === '' || point.source === source) && isNamed(point.key);
}

/** `from` is the first number of all; `width`: of the ranges that are thinned, 0 for none. */
export async function* batches(
  all: AsyncIterable<Piece>,
  request: Wanted & { attempt: number; json: boolean; from: number; width: number },
): AsyncGenerator<MetricWireBatch> {
  const { attempt, from, width } = request;
  const isWanted = wantedBy(request);
  const isWhole = request.key === '' && request.source === '' && width === 0;
  let thinner: Thinner | null = width > 0 ? createThinner(from, width) : null;
  /** The first number that no batch was about. */
  let next = from;
  const batch = (last: number, some: Partial<MetricWireBatch>): MetricWireBatch => {
    const range = { first_seq: next, last_seq: last };
    next = last + 1;
    return { ...empty, attempt, ...range, ...some };
  };
  const thinned = (ranges: Range[]): MetricWireBatch[] =>
    ranges.map(({ last, points, of }) => batch(last, { points, thinned: { width, points: of } }));

  for await (const piece of all) {
    if (piece.kind === 'gap') {
      const rest = thinner?.rest() ?? null;
      if (rest !== null) yield* thinned([rest]);
      const gap = { first_seq: piece.first, last_seq: piece.last, reason: piece.reason };
      if (piece.first > next) yield batch(piece.first - 1, {});
      yield batch(piece.last, { gaps: [gap] });
      if (thinner !== null) thinner = createThinner(next, width);
    } else if (piece.kind === 'live') {
      const rest = thinner?.rest() ?? null;
      if (rest !== null) yield* thinned([rest]);
      thinner = null;
      yield batch(piece.next - 1, { live: true });
    } else if (piece.kind === 'message' && request.json && isWhole && next === piece.head.first_seq)
      yield batch(piece.head.last_seq, { json: piece.data });
    else if (piece.kind === 'text' && request.json && isWhole && next === piece.first)
      yield batch(piece.last, { json: piece.json });
    else {
      const points = pointsOf(piece);
      const last = lastOf(piece);
      const kept = points.filter((point) => point.seq >= next && isWanted(point)).map(toPoint);
      if (thinner !== null) yield* thinned(thinner.add(kept));
      else if (kept.length > 0 || last - next >= passedMost) {
        while (kept.length > batchPoints) {
          const points = kept.splice(0, batchPoints);
          yield batch(points.at(-1)?.seq ?? last, { points });
        }
        yield batch(last, { points: kept });
      }
    }
  }
  const rest = thinner?.rest() ?? null;
  if (rest !== null) yield* thinned([rest]);
}

export const empty: MetricWireBatch = {
  attempt: 0,
  first_seq: 0,
  last_seq: 0,
  points: [],
  gaps: [],
  json: new Uint8Array(0),
  thinned: null,
  snapshot: null,
  live: false,
};

export function pointsOf(piece: Piece): PointLine[] {
  if (piece.kind === 'points') return piece.points;
  if (piece.kind !== 'message' && piece.kind !== 'text') return [];
  const [data, from] = piece.kind === 'text' ? [piece.json, 0] : [piece.data, piece.from];
  const { points } = JSON.parse(Buffer.from(data).toString('utf8')) as { points: PointLine[] };
  return points.filter(({ seq }) => seq >= from);
}

function lastOf(piece: Piece & { kind: 'points' | 'text' | 'message' }): number {
  if (piece.kind === 'text') return piece.last;
  return piece.kind === 'message' ? piece.head.last_seq : (piece.points.at(-1)?.seq ?? 0);
}

function toPoint({ seq, key, step, wall, value, source, id }: PointLine): MetricPoint {
  const at = step === null ? '' : String(step);
  return { seq, key, step: at, wall, value: Number(value), source, id };
}
