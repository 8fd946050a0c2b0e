import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addBatch, indexAt, noPoints, plotted } from '../../console/src/curves/points.ts';
import type { MetricBatch } from '../../src/contracts/gen/http.v1.ts';

type Value = number | 'NaN' | 'Infinity' | '-Infinity';

function batch(
  points: readonly [seq: number, step: string, value: Value][],
  more: Partial<MetricBatch> = {},
): MetricBatch {
  return {
    attempt: 1,
    first_seq: points[0]?.[0] ?? 0,
    last_seq: points.at(-1)?.[0] ?? 0,
    points: points.map(([seq, step, value]) => ({
      ...{ seq, step, value, key: 'loss', source: 'stdout', id: String(seq) },
      wall: new Date(seq * 1000).toISOString(),
    })),
    gaps: [],
    json: '',
    thinned: null,
    snapshot: null,
    live: false,
    ...more,
  };
}

test('a batch that comes again adds nothing, and what was thinned or lost is counted', () => {
  const points = noPoints();
  addBatch(
    points,
    batch(
      [
        [1, '10', 5],
        [9, '90', 4],
      ],
      { thinned: { width: 3, points: 9 } },
    ),
  );
  addBatch(
    points,
    batch([
      [9, '90', 4],
      [10, '100', 3],
    ]),
  );
  assert.deepEqual(points.seqs, [1, 9, 10]);
  assert.equal(points.width, 3);
  addBatch(
    points,
    batch([[14, '140', 1]], { gaps: [{ first_seq: 11, last_seq: 13, reason: 'evicted' }] }),
  );
  assert.equal(points.missing, 3);
});

test('a line breaks where values are no numbers, and each break is marked where it begins', () => {
  const points = noPoints();
  addBatch(
    points,
    batch([
      [1, '1', 2],
      [2, '2', 'NaN'],
      [3, '3', 'NaN'],
      [4, '4', 4],
      [5, '5', '-Infinity'],
    ]),
  );
  const { raw, breaks } = plotted(points, 'step', 0);
  assert.deepEqual(raw, [2, null, null, 4, null]);
  assert.deepEqual(breaks, [
    { x: 2, text: 'NaN' },
    { x: 5, text: '-Infinity' },
  ]);
});

test('a smoothed line begins at the first value, stays within the values, and goes on after a NaN', () => {
  const points = noPoints();
  addBatch(
    points,
    batch([
      [1, '1', 10],
      [2, '2', 10],
      [3, '3', 'NaN'],
      [4, '4', 10],
      [5, '5', 0],
    ]),
  );
  const { smooth } = plotted(points, 'step', 0.9);
  assert.deepEqual(
    smooth.slice(0, 2).map((value) => value?.toFixed(6)),
    ['10.000000', '10.000000'],
  );
  assert.equal(smooth[2], null);
  const last = smooth[4] ?? Number.NaN;
  assert(last > 0 && last < 10);
});

test('points without steps are laid out by their numbers, and steps that begin again are put in order', () => {
  const points = noPoints();
  addBatch(
    points,
    batch([
      [3, '', 1],
      [4, '', 2],
    ]),
  );
  assert.deepEqual(plotted(points, 'step', 0).xs, [3, 4]);
  const again = noPoints();
  addBatch(
    again,
    batch([
      [1, '100', 1],
      [2, '200', 2],
      [3, '100', 3],
    ]),
  );
  assert.deepEqual(plotted(again, 'step', 0).xs, [100, 100, 200]);
});

test('at a moment the last point that was there then is found', () => {
  const points = noPoints();
  addBatch(
    points,
    batch([
      [1, '1', 1],
      [2, '2', 2],
      [5, '5', 5],
    ]),
  );
  assert.deepEqual(
    [500, 1000, 4999, 5000, 9000].map((at) => indexAt(points, at)),
    [-1, 0, 1, 2, 2],
  );
});
