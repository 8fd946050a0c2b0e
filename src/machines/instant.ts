/**
 * Points in time that survive restarts. On the same boot the monotonic clock counts, so that a
 * jump of the wall clock ends no run; after a reboot only the wall clock is left.
 */
export type Instant = {
  readonly boot_id: string;
  /** Milliseconds of the boot's monotonic clock. */
  readonly mono_ms: number;
  /** Milliseconds since the Unix epoch. */
  readonly wall_ms: number;
};

/** The instant `ms` milliseconds after `from`. */
export function after(from: Instant, ms: number): Instant {
  return { boot_id: from.boot_id, mono_ms: from.mono_ms + ms, wall_ms: from.wall_ms + ms };
}

/** Milliseconds from `now` until `deadline`; zero or less when it has passed. */
export function msUntil(deadline: Instant, now: Instant): number {
  return deadline.boot_id === now.boot_id
    ? deadline.mono_ms - now.mono_ms
    : deadline.wall_ms - now.wall_ms;
}
