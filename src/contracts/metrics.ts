/** What the control API has of metrics, field for field as in `orchestrator.proto`. */

export type MetricPoint = {
  seq: number;
  key: string;
  step: string;
  wall: string;
  value: number;
  source: string;
  /** Of its place in the source, unique within the run. */
  id: string;
};
/** Points that neither bus nor files have any more. The reason is one of `GapReason`, or a later one. */
export type MetricGap = { first_seq: number; last_seq: number; reason: string };
/**
 * `evicted`: limits of the bus and of the run's files. `bus_lost`: the bus was made anew since the attempt
 * began, before the files had them. `run_deleted`: the run was removed meanwhile.
 * `bus_away`: the bus may have them still.
 */
export type GapReason = 'evicted' | 'bus_lost' | 'bus_away' | 'run_deleted';
export type MetricKey = {
  run_id: string;
  attempt: number;
  key: string;
  source: string;
  /** Of the last point. */
  seq: number;
  step: string;
  wall: string;
  last: number;
  count: number;
  /** NaN when no point is a number. */
  min: number;
  max: number;
};
export type MetricSnapshot = { seq: number; keys: MetricKey[] };
/** `points` that were there, in ranges of `width`, in place of those in the batch. */
export type MetricThinning = { width: number; points: number };
export type MetricBatch = {
  attempt: number;
  /** The range of numbers that this batch is about, whatever of it was asked for. */
  first_seq: number;
  last_seq: number;
  points: MetricPoint[];
  /** Before the points. */
  gaps: MetricGap[];
  thinned: MetricThinning | null;
  snapshot: MetricSnapshot | null;
  /** All that was there has come; what follows is new. */
  live: boolean;
};
/** As it travels: the points may be a message of the bus as it is, in place of `points`. */
export type MetricWireBatch = MetricBatch & { json: Uint8Array };

export type MetricsRequest = {
  run: string;
  follow: boolean;
  from_seq: number;
  /** A name, or a pattern with `*` and `?`. */
  key: string;
  attempt: number;
  last: number;
  source: string;
  thin: number;
  thin_width: number;
  json: boolean;
  snapshot: boolean;
};
export type MetricKeysRequest = { runs: string[]; key: string; attempt: number };
