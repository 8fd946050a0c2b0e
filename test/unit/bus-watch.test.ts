import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBusWatch, joining } from '../../src/daemon/bus-watch.ts';
import { type Clock, createLogger } from '../../src/telemetry/index.ts';

/** A watch on time of the test's own, over a bus that does what the test says. */
function watchOver() {
  let nowMs = 1_000_000;
  const clock: Clock = {
    now: () => ({ boot_id: 'b', mono_ms: nowMs, wall_ms: nowMs }),
    iso: () => new Date(nowMs).toISOString(),
    later: () => undefined,
    after: () => () => undefined,
  };
  const bus = { free: 2 ** 30, missing: [] as string[], answers: true, connected: true };
  const done: string[] = [];
  const watch = createBusWatch({
    connected: () => bus.connected,
    missing: async () => {
      if (!bus.answers) throw new Error('timeout');
      return bus.missing;
    },
    freeBytes: () => bus.free,
    rejoin: async () => void done.push('rejoin'),
    restart: async () => void done.push('restart'),
    clock,
    log: createLogger('test', { level: 'silent' }),
  });
  return {
    bus,
    watch,
    /** Looks every half second for so long; what was done in that time. */
    async pass(seconds: number): Promise<string[]> {
      for (let i = 0; i < seconds * 2; i += 1) {
        nowMs += 500;
        await watch.look();
      }
      return done.splice(0);
    },
  };
}

test('F10: a server whose disk was full is started anew once there is space, and not before', async () => {
  const { bus, watch, pass } = watchOver();
  bus.free = 1000;
  assert.deepEqual(await pass(30), []);
  assert.match(watch.trouble() ?? '', /its disk is full/);
  bus.free = 2 ** 30;
  assert.deepEqual(await pass(5), ['restart', 'rejoin']);
  assert.equal(watch.trouble(), null);
});

test('F10: publishers that fail for long on a bus that answers have it started anew, once a minute', async () => {
  const { watch, pass } = watchOver();
  const failFor = async (seconds: number): Promise<string[]> => {
    const done: string[] = [];
    for (let i = 0; i < seconds; i += 1) {
      watch.heard('run', 'timeout');
      done.push(...(await pass(1)));
    }
    return done;
  };
  assert.deepEqual(await failFor(10), []);
  assert.match(watch.trouble() ?? '', /publishing fails: timeout/);
  assert.deepEqual(await failFor(10), ['restart', 'rejoin']);
  assert.deepEqual(await failFor(30), []);
  assert.deepEqual(await failFor(40), ['restart', 'rejoin']);
  watch.heard('run', null);
  assert.equal(watch.trouble(), null);
  assert.deepEqual(await pass(120), []);
});

test('a server whose store was deleted under it is started anew; one that refuses is not', async () => {
  for (const [text, wanted] of [
    ['wrong last sequence: 7', ['restart', 'rejoin']],
    ['no message found', ['restart', 'rejoin']],
    ['permissions violation', []],
  ] as const) {
    const { watch, pass } = watchOver();
    const done: string[] = [];
    for (let second = 0; second < 20; second += 1) {
      watch.heard('events', text);
      done.push(...(await pass(1)));
    }
    assert.deepEqual(done, wanted, text);
  }
});

test('so it is when nobody can connect for want of files, and for nothing else that is heard then', async () => {
  const { bus, watch, pass } = watchOver();
  bus.connected = false;
  const done: string[] = [];
  for (let second = 0; second < 20; second += 1) {
    watch.heard('events', 'timeout');
    done.push(...(await pass(1)));
  }
  assert.equal(done.length, 0);
  for (let second = 0; second < 20; second += 1) {
    watch.heard(joining, 'open store/meta.inf: no such file or directory');
    done.push(...(await pass(1)));
  }
  assert.deepEqual(done, ['restart', 'rejoin']);
});

test('a publisher that says nothing any more is forgotten', async () => {
  const { watch, pass } = watchOver();
  watch.heard('run', 'timeout');
  assert.deepEqual(await pass(60), []);
  assert.equal(watch.trouble(), null);
});

test('F10: missing streams, and silence that lasts, give the connection up', async () => {
  const { bus, watch, pass } = watchOver();
  bus.missing = ['TEST_LOGS'];
  assert.deepEqual(await pass(1), ['rejoin']);
  bus.missing = [];
  bus.answers = false;
  assert.deepEqual(await pass(2), []);
  assert.equal(watch.trouble(), 'it does not answer');
  assert.deepEqual(await pass(2), ['rejoin']);
  bus.answers = true;
  assert.deepEqual(await pass(10), []);
  assert.equal(watch.trouble(), null);
});
