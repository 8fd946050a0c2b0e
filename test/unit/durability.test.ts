import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createQueue } from '../../src/actors/queue.ts';
import { requestOf } from '../../src/actors/requests.ts';
import { cut } from '../../src/actors/rows.ts';
import { noLimits } from '../../src/allocator/index.ts';
import { createDurability } from '../../src/persistence/index.ts';
import type { Clock } from '../../src/telemetry/index.ts';

/** A clock whose calls are made by the test. */
function manualClock(): { clock: Clock; due: (() => void)[] } {
  const due: (() => void)[] = [];
  const clock: Clock = {
    now: () => ({ boot_id: 'b', mono_ms: 0, wall_ms: 0 }),
    iso: () => '',
    later: (act) => void due.push(act),
    after(_, act) {
      due.push(act);
      return () => undefined;
    },
  };
  return { clock, due };
}

test('a sync that failed is tried again by itself, so that the last transition is published', async () => {
  const { clock, due } = manualClock();
  const advanced: number[] = [];
  let broken = true;
  const syncer = {
    async synced() {
      if (broken) throw new Error('EIO');
    },
  };
  const durability = createDurability({
    syncer,
    newest: 3,
    clock,
    advanced: (pos) => advanced.push(pos),
  });
  durability.committed(4);
  await assert.rejects(durability.synced(), /EIO/);
  await assert.rejects(durability.synced(), /EIO/);
  assert.equal(durability.pos(), 3);
  assert.equal(due.length, 1, 'one retry for all that failed');
  broken = false;
  due.shift()?.();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(advanced, [4]);
  assert.equal(durability.pos(), 4);
});

test('a grant that cannot be stored ends neither the daemon nor the grants after it', () => {
  const { clock, due } = manualClock();
  const [granted, refused]: [string[], string[]] = [[], []];
  const queue = createQueue({
    yard: () => ({ gpus: [], cpus: 2, memoryMib: 0, limits: noLimits, drained: null }),
    grant(runId) {
      if (runId === 'a') throw new Error('the disk is full');
      granted.push(runId);
    },
    refused: (runId) => refused.push(runId),
    reject: () => undefined,
    fate: () => 'gone',
    nowMs: () => 0,
    tookMs: () => null,
    later: clock.later,
    after: clock.after,
    hold: () => null,
  });
  for (const [position, runId] of ['a', 'b'].entries()) {
    const row = { run_id: runId, user: 'ana', project: '', config: '{}', hold: null };
    queue.know(requestOf(row, position), null);
    queue.wait(runId);
  }
  queue.schedule();
  due.shift()?.();
  assert.deepEqual([granted, refused], [['b'], ['a']]);
});

test('a text is cut by its bytes as JSON, where a control character takes six', () => {
  for (const text of ['a', '€', '\u0001', '"', '𝄞'].map((letter) => letter.repeat(4000))) {
    const short = cut(text, 1000);
    assert.ok(Buffer.byteLength(JSON.stringify(short)) <= 1000 + 5);
    assert.ok(short.endsWith('…'));
    assert.ok(Buffer.byteLength(JSON.stringify(short)) > 980, 'and not by more than it takes');
  }
  assert.equal(cut('short', 1000), 'short');
});
