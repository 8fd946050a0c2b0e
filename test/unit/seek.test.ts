/** Where a point is in a stream, without reading what comes before it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headOf, lastOf, seek } from '../../src/daemon/metrics/seek.ts';
import type { Stored, StoredReader } from '../../src/transport/nats/index.ts';

type Message = { seq: number; attempt: number; first: number; last: number };

/** Two attempts, others' messages in between, and one that has notes alone. */
const messages: Message[] = [];
for (const attempt of [1, 3]) {
  let first = 1;
  for (let n = 0; n < 30_000; n += 1) {
    const count = n === 7 ? 0 : 1 + (n % 5);
    const seq = (messages.at(-1)?.seq ?? 900) + 1 + (n % 3);
    messages.push({ seq, attempt, first, last: first + count - 1 });
    first += count;
  }
}

const stored = ({ seq, attempt, first, last }: Message): Stored => ({
  seq,
  subject: 'y.runs.r.metrics',
  data: Buffer.from(
    `{"v":1,"run_id":"r","attempt":${attempt},"first_seq":${first},"last_seq":${last},"points":[]}`,
  ),
});

function reader(of: readonly Message[]) {
  let reads = 0;
  const read = (message: Message | undefined): Stored | null => {
    reads += 1;
    return message === undefined ? null : stored(message);
  };
  const all: StoredReader = {
    next: async (from) => read(of.find(({ seq }) => seq >= from)),
    last: async () => read(of.at(-1)),
    from: async () => ({ messages: [], pending: 0 }),
    made: async () => 'once',
  };
  return { all, reads: () => reads };
}

test('any point of any attempt is found in a few looks', async () => {
  const ends = [1, 3].map((attempt) => messages.findLast((m) => m.attempt === attempt)?.last ?? 0);
  const places = [1, 2, 3].flatMap((attempt) =>
    [0, 1, 2, 3, 20, 21, 22, 44_444, 89_999, 90_000, 1e6].map((seq) => ({ attempt, seq })),
  );
  for (const place of places) {
    const looked = reader(messages);
    const expected = messages.find(
      ({ attempt, last }) =>
        attempt > place.attempt || (attempt === place.attempt && last >= place.seq),
    );
    const found = await seek(looked.all, place);
    const first = messages.find(({ seq }) => seq >= found);
    assert.deepEqual(first, expected, JSON.stringify(place));
    assert.ok(looked.reads() < 30, `${looked.reads()} looks for ${JSON.stringify(place)}`);
  }
  const { all } = reader(messages);
  assert.deepEqual(await Promise.all([1, 2, 3, 4].map((a) => lastOf(all, a))), [
    ends[0],
    0,
    ends[1],
    0,
  ]);
});

test('an empty stream has no points', async () => {
  const { all } = reader([]);
  assert.equal(await seek(all, { attempt: 1, seq: 5 }), 1);
  assert.equal(await lastOf(all, 1), 0);
});

test('the head of a message is read whatever the order of its parts', () => {
  const head = { attempt: 2, first_seq: 7, last_seq: 9 };
  const text = JSON.stringify({ points: [], ...head });
  const { attempt, first_seq, last_seq } = headOf(Buffer.from(text));
  assert.deepEqual({ attempt, first_seq, last_seq }, head);
});
