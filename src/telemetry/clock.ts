/** The daemon's clock: instants that a deadline can be made of, and calls at a later time. */
import fs from 'node:fs';
import type { Instant } from '../machines/index.ts';

export type Clock = {
  /** Now, on the boot's monotonic clock and on the wall. */
  now(): Instant;
  /** RFC 3339 UTC. */
  iso(): string;
  /** Calls back in a later turn of the event loop. */
  later(act: () => void): void;
  /** Calls back once after so many milliseconds; what it returns calls that off. Keeps no process alive. */
  after(ms: number, act: () => void): () => void;
};

/** Calls back again and again, until what it returns is called. Keeps no process alive. */
export function every(clock: Clock, ms: number, act: () => void): () => void {
  let callOff: () => void = () => undefined;
  let over = false;
  const wait = (): void => {
    callOff = clock.after(ms, () => {
      act();
      if (!over) wait();
    });
  };
  wait();
  return () => {
    over = true;
    callOff();
  };
}

/** The machine's clock. CLOCK_MONOTONIC counts from boot, so it compares between processes. */
export function systemClock(): Clock {
  const bootId = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return {
    now: () => ({
      boot_id: bootId,
      mono_ms: Number(process.hrtime.bigint() / 1_000_000n),
      wall_ms: Date.now(),
    }),
    iso: () => new Date().toISOString(),
    later: (act) => void setImmediate(act),
    after(ms, act) {
      const timer = setTimeout(act, ms).unref();
      return () => clearTimeout(timer);
    },
  };
}
