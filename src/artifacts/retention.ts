/** Which runs' artifacts are to go. Only decides. */

export type KeptRun = {
  runId: string;
  project: string;
  /** Null while it is not over. */
  finishedMs: number | null;
  bytes: number;
  pinned: boolean;
};
/** Null: no limit. */
export type Limits = {
  /** Age of what ended. */
  maxAgeMs: number | null;
  /** Of all artifacts together, those of pinned and live runs too. */
  maxBytes: number | null;
  /** Runs of a project that keep theirs, pinned and live ones not counted. */
  maxRuns: number | null;
};
export type Doomed<T extends KeptRun = KeptRun> = { run: T; why: 'age' | 'count' | 'size' };

/** Oldest first. Nothing that is pinned or not over is ever among them. */
export function doomed<T extends KeptRun>(
  runs: readonly T[],
  limits: Limits,
  nowMs: number,
): Doomed<T>[] {
  const { maxAgeMs, maxBytes, maxRuns } = limits;
  const over = runs
    .filter(({ pinned, finishedMs }) => !pinned && finishedMs !== null)
    .sort((a, b) => (a.finishedMs ?? 0) - (b.finishedMs ?? 0) || (a.runId < b.runId ? -1 : 1));
  const newer = new Map<string, number>();
  const beyond = new Set<T>();
  for (const run of over.toReversed()) {
    const count = (newer.get(run.project) ?? 0) + 1;
    newer.set(run.project, count);
    if (maxRuns !== null && count > maxRuns) beyond.add(run);
  }
  const reasons = new Map<T, Doomed['why']>();
  for (const run of over) {
    if (maxAgeMs !== null && nowMs - (run.finishedMs ?? 0) > maxAgeMs) reasons.set(run, 'age');
    else if (beyond.has(run)) reasons.set(run, 'count');
  }
  let left = runs.reduce((sum, run) => sum + (reasons.has(run) ? 0 : run.bytes), 0);
  for (const run of over) {
    if (maxBytes === null || left <= maxBytes) break;
    if (reasons.has(run)) continue;
    reasons.set(run, 'size');
    left -= run.bytes;
  }
  return over.flatMap((run) => {
    const why = reasons.get(run);
    return why === undefined ? [] : [{ run, why }];
  });
}
