/** How many messages of a subject are on their way at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOutlet, type Subject } from '../../src/worker/outlet.ts';

/** Answers when it is told to, and notes what each message was to come after. */
function slowSubject(several: boolean | undefined) {
  const afters: (number | string)[] = [];
  const waiting: (() => void)[] = [];
  let seq = 0;
  const subject: Subject = {
    last: async () => null,
    publish: (_, after) =>
      new Promise((resolve) => {
        afters.push(after);
        waiting.push(() => {
          seq += 1;
          resolve(seq);
        });
      }),
    ...(several === undefined ? {} : { several: () => several }),
  };
  return { subject, afters, answer: () => waiting.shift()?.() };
}

async function sendFour(several: boolean | undefined) {
  const { subject, afters, answer } = slowSubject(several);
  const outlet = createOutlet<object>(subject, 1);
  const left = [1, 2, 3, 4];
  let stored = 0;
  const sent = outlet.send(
    (index) => {
      const last_seq = left[index];
      return last_seq === undefined ? null : { payload: {}, last_seq, cursor: {} };
    },
    () => {
      stored += 1;
      left.shift();
    },
  );
  const atOnce = afters.length;
  for (let step = 0; step < 4; step += 1) {
    answer();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await sent, true);
  assert.equal(stored, 4);
  return { atOnce, afters };
}

test('on a bus of its own a run has several messages on their way, each behind the id of the one before', async () => {
  for (const several of [undefined, true]) {
    const { atOnce, afters } = await sendFour(several);
    assert.equal(atOnce, 4);
    assert.deepEqual(
      afters.map((after) => typeof after),
      ['number', 'string', 'string', 'string'],
    );
  }
});

test('on an existing bus they go one by one, and none is checked by a message’s id: a copy may not know it', async () => {
  const { atOnce, afters } = await sendFour(false);
  assert.equal(atOnce, 1);
  assert.deepEqual(afters, [0, 1, 2, 3]);
});
