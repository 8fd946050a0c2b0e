/** What is kept of runs that are over, and how it is removed. */
export type ArtifactItem = {
  attempt: number;
  name: string;
  /** Of the file in the store; empty for one that is not there. */
  path: string;
  size: number;
  sha256: string;
  media_type: string;
  modified: string;
  taken: string;
  version: number;
  step: string;
  duration_s: number;
  width: number;
  height: number;
  note: string;
  /** Why it is not in the store; empty when it is. */
  problem: string;
};
export type ArtifactsRequest = { run: string; attempt: number };
/** 0: as the settings say. */
export type GarbageRequest = {
  dry_run: boolean;
  max_age_s: number;
  max_bytes: number;
  max_runs: number;
  project: string;
};
export type Removal = {
  run_id: string;
  name: string;
  project: string;
  finished_at: string;
  bytes: number;
  artifacts: number;
  why: 'age' | 'count' | 'size';
  removed: boolean;
  problem: string;
};
export type RemovedRun = { run_id: string; seq: number; pos: number; at: string };
/** What is kept of runs: of a run's id that is known to be one. */
export interface RetentionPort {
  artifacts(which: { runId: string; attempt: number }): Iterable<ArtifactItem>;
  /** Bytes of one of those. Throws `artifact_not_found`. */
  read(
    item: ArtifactItem,
    range: { offset: number; length: number },
    signal: AbortSignal,
  ): AsyncIterable<Buffer>;
  pin(runId: string, pinned: boolean): Promise<void>;
  /** Removes artifacts beyond the limits, oldest first; with `dry_run` only tells which. */
  collect(request: GarbageRequest): AsyncIterable<Removal>;
}
