import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchWallClock } from '../../src/daemon/clock-watch.ts';
import type { Clock, Logger } from '../../src/telemetry/index.ts';

/** A clock that stands until it is moved, and what was written down. */
function watched() {
  const at = { mono_ms: 5000, wall_ms: 1_800_000_000_000 };
  const jumps: number[] = [];
  let due: () => void = () => undefined;
  const clock: Clock = {
    now: () => ({ boot_id: 'b', ...at }),
    iso: () => new Date(at.wall_ms).toISOString(),
    later: (act) => act(),
    after(_, act) {
      due = act;
      return () => {
        due = () => undefined;
      };
    },
  };
  const log = { warn: ({ jump_s: jump }: { jump_s: number }) => void jumps.push(jump) };
  const stop = watchWallClock(clock, log as unknown as Logger);
  const pass = (monoMs: number, wallMs: number): void => {
    at.mono_ms += monoMs;
    at.wall_ms += wallMs;
    due();
  };
  return { jumps, pass, stop };
}

test('a wall clock that was set, either way, is noted once with how far', () => {
  const { jumps, pass } = watched();
  pass(1000, 1000);
  pass(1000, 1000 + 3_600_000);
  pass(1000, 1000);
  pass(1000, 1000 - 7_200_000);
  assert.deepEqual(jumps, [3600, -7200]);
});

test('a clock that NTP moves little by little, and a daemon that stood still, are nothing to note', () => {
  const { jumps, pass, stop } = watched();
  for (let each = 0; each < 100; each += 1) pass(1000, 1100);
  pass(600_000, 600_000);
  stop();
  pass(1000, 3_600_000);
  assert.deepEqual(jumps, []);
});
