/** Names in a run's directory (docs/protocol.md). */
import path from 'node:path';

export const runFiles = {
  config: 'config.json',
  env: 'env',
  /** The uncommitted changes of the submitted code. */
  diff: 'code.diff',
  /** Who asked for its end, while it goes on. */
  stop: 'stop.json',
  /** Its artifacts are kept from retention, since when. */
  pinned: 'pinned',
  /** Its row and events, once it is done. */
  outcome: 'outcome.json',
  /** Where its workers find an existing bus, and their credentials there. */
  bus: 'bus.json',
  /** What was known of its metrics when the newest of its files of points was begun. */
  metricKeys: 'metrics.keys.json',
} as const;

export const attemptFiles = {
  /** What the worker needs beside launch.json: directory, artifact rules. */
  spec: 'spec.json',
  launch: 'launch.json',
  worker: 'worker.json',
  workerSocket: 'worker.sock',
  claim: 'claim',
  start: 'start',
  exit: 'exit',
  drained: 'drained',
  /** That a metric is where its run was to end. */
  rule: 'rule.json',
  /** How it ended, once it is clear that another attempt follows. */
  ended: 'ended.json',
  /** Where it is executed elsewhere: as which job. */
  job: 'job.json',
  /** How often the kernel had killed for want of memory when the attempt began. */
  oomKills: 'oom-kills',
  /** `$RUNYARD_METRICS`: what a trainer that knows of us appends to. */
  metrics: 'metrics.in.jsonl',
} as const;

export function runDir(home: string, runId: string): string {
  return path.join(home, 'runs', runId);
}

export function attemptDir(home: string, runId: string, attempt: number): string {
  return path.join(runDir(home, runId), 'attempts', String(attempt));
}
