/** What a waiting run asks for, and whose turn is before whose. */

/** How a dependency has to have ended: completed, in any way, or otherwise than completed. */
export type DependencyEnd = 'ok' | 'any' | 'fail';
export type Dependency = { readonly run: string; readonly on: DependencyEnd };
/** Who did something to the queue, and why. */
export type Said = { readonly by: string; readonly reason: string };

/** What a run takes while it is live. */
export type Claim = {
  readonly runId: string;
  readonly user: string;
  /** Empty: none, and no limit of projects is about it. */
  readonly project: string;
  /** Left out: none. */
  readonly group?: string;
  /** So many runs of its group may be live when it is; left out or 0: no limit. */
  readonly groupMost?: number;
  /** Whole GPUs; or below 1, a share of one. */
  readonly gpus: number;
  /** What each GPU has to have, or what a share of one takes of it; null: not said. */
  readonly gpuMemoryMib: number | null;
  /** CPU slots. At least one when it has no GPU: else nothing would limit how many there are. */
  readonly cpus: number;
  readonly memoryMib: number;
};

/** The wait before another attempt of a run that failed. */
export type Backoff = {
  /** Until when, by the monotonic clock: setting the other one ends no wait. */
  readonly monoMs: number;
  /** Which attempt waits, and how the one before it ended, for people. */
  readonly attempt: string;
  readonly ended: string;
};

export type Waiting = Claim & {
  /** The larger, the earlier. */
  readonly priority: number;
  /** Its place among those of the same priority: the smaller, the earlier. No two have the same. */
  readonly position: number;
  readonly hold: Said | null;
  readonly startAfterMs: number | null;
  readonly dependencies: readonly Dependency[];
  readonly backoff?: Backoff | null;
};

/** Shares are counted in thousandths of a GPU: sums of fractions would not be exact. */
export const wholeGpu = 1000;
/** Shares of a GPU are numbered 0 … 19, one number each: so many can be at once, so small is the smallest. */
export const sharesPerGpu = 20;

export function isShare({ gpus }: Pick<Claim, 'gpus'>): boolean {
  return gpus > 0 && gpus < 1;
}

/** All GPUs of a claim in thousandths. */
export function thousandths({ gpus }: Pick<Claim, 'gpus'>): number {
  return Math.round(gpus * wholeGpu);
}

/** Negative when `a` is before `b`. */
export function compare(
  a: Pick<Waiting, 'priority' | 'position'>,
  b: Pick<Waiting, 'priority' | 'position'>,
): number {
  return b.priority - a.priority || a.position - b.position;
}
