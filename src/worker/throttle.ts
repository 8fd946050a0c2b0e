/** How much of a run's output goes to the bus: lines and bytes, each with a burst and a rate. */
export type Throttle = {
  /** Whether a line of so many bytes may be published; it is counted if so. */
  takes(bytes: number): boolean;
};

/**
 * The bus limits messages of a run, not its bytes, so its bytes are limited here: after the burst, some
 * 16 KiB a message (see src/transport/nats/streams.ts). All of it is in the recorder's files.
 */
const limits = {
  lines: { perSecond: 5000, burst: 20_000 },
  bytes: { perSecond: 64 * 1024, burst: 2 ** 20 },
};

export function createThrottle(nowMs: () => number = () => performance.now()): Throttle {
  let lines = limits.lines.burst;
  let bytes = limits.bytes.burst;
  let refilledMs = nowMs();
  return {
    takes(size) {
      const now = nowMs();
      const seconds = (now - refilledMs) / 1000;
      refilledMs = now;
      lines = Math.min(limits.lines.burst, lines + seconds * limits.lines.perSecond);
      bytes = Math.min(limits.bytes.burst, bytes + seconds * limits.bytes.perSecond);
      if (lines < 1 || bytes < size) return false;
      lines -= 1;
      bytes -= size;
      return true;
    },
  };
}
