/** One attempt as its directory shows it, in the terms of the chart. */
import fs from 'node:fs';
import path from 'node:path';
import { type JobFile, readJob, slotsOfClaim } from '../executors/index.ts';
import type { TrainerExit } from '../machines/index.ts';
import {
  attemptFiles,
  bootId,
  type Identity,
  isAlive,
  judge,
  processStat,
  readDrained,
  readLaunch,
  type Verdict,
  voidStart,
} from '../rundir/index.ts';

export type PastAttempt = {
  /**
   * `pending`: launched, not started, and not given up. `unwatched`: its trainer lives without a
   * recorder. `vanished`: both are gone and nobody saw how. `waits`, `elsewhere`: it is a job on a cluster, which
   * nothing has begun so far, or which has it.
   */
  kind:
    | 'voided'
    | 'pending'
    | 'started'
    | 'unwatched'
    | 'vanished'
    | 'exited'
    | 'waits'
    | 'elsewhere';
  bootId: string;
  /** Of the worker that is to speak for it next. */
  generation: number;
  slots: string[];
  preparedMs: number;
  trainer: Identity | null;
  startedMs: number;
  paused: boolean;
  exit: TrainerExit;
  endedAt: string | null;
  /** Nothing of it is left, and all its output is there. */
  gone: boolean;
  drainedAt: string | null;
  /** A metric was where its run was to end. */
  rule: { text: string; at: string } | null;
  manifest: string;
  artifacts: number;
};

/** Numbers of the attempts that a run's directory has, in order. */
export function attemptsOf(runDirectory: string): number[] {
  const dir = path.join(runDirectory, 'attempts');
  if (!fs.existsSync(dir)) return [];
  return fs
    .readdirSync(dir)
    .filter((name) => /^[1-9]\d*$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** With `mayVoid`, one that nothing of was started is given up, so that it never can be. */
export function pastAttempt(dir: string, options: { root: string; mayVoid: boolean }): PastAttempt {
  const job = readJob(dir);
  // What is on another machine is not given up here.
  const verdict = settled(dir, options.mayVoid && job === null);
  const launch = readLaunch(dir);
  const trainer = 'trainer' in verdict ? verdict.trainer : null;
  const drained = readDrained(dir);
  const exited = verdict.kind === 'exited' ? verdict.record : null;
  return {
    kind: job === null || exited !== null ? kindOf(verdict) : jobKind(job),
    bootId: launch?.boot_id ?? bootId(),
    generation: lastGeneration(dir) + 1,
    slots:
      job?.claim != null
        ? slotsOfClaim(job.claim)
        : (launch?.gpu_locks ?? []).map((file) => path.basename(file, '.lock')),
    preparedMs: timeOf(dir, attemptFiles.launch) ?? fs.statSync(dir).mtimeMs,
    trainer,
    startedMs: timeOf(dir, attemptFiles.start) ?? 0,
    paused: trainer !== null && isAlive(trainer) && processStat(trainer.pid)?.stopped === true,
    exit: exited ?? { kind: 'notstarted' },
    endedAt: exited?.ended_at ?? null,
    gone: drained?.alone === true,
    drainedAt: drained?.at ?? null,
    rule: readRule(dir),
    ...artifactsOf(dir, options.root),
  };
}

function jobKind({ claim }: JobFile): 'waits' | 'elsewhere' {
  return claim === null ? 'waits' : 'elsewhere';
}

/** The verdict, once what can still be given up was. */
function settled(dir: string, mayVoid: boolean): Verdict {
  const verdict = judge(dir);
  const idle =
    verdict.kind === 'unclaimed' || (verdict.kind === 'claimed' && !verdict.recorderAlive);
  if (!idle || !mayVoid) return verdict;
  // Only the exclusive link decides: a recorder may have begun since.
  voidStart(dir);
  return judge(dir);
}

function kindOf(verdict: Verdict): PastAttempt['kind'] {
  switch (verdict.kind) {
    case 'voided':
    case 'exited':
      return verdict.kind;
    case 'started':
      // On another boot its worker says so: the machine was restarted.
      if (verdict.recorderAlive || verdict.otherBoot) return 'started';
      return verdict.trainerAlive ? 'unwatched' : 'vanished';
    default:
      return 'pending';
  }
}

/** The highest generation of a worker that ever was given this attempt. */
function lastGeneration(dir: string): number {
  const numbers = fs
    .readdirSync(dir)
    .map((name) => Number(/^worker-config\.(\d+)\.json$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}

function readRule(dir: string): PastAttempt['rule'] {
  try {
    return JSON.parse(fs.readFileSync(path.join(dir, attemptFiles.rule), 'utf8'));
  } catch {
    return null;
  }
}

function artifactsOf(dir: string, root: string): { manifest: string; artifacts: number } {
  const [attempt, , runId] = dir.split(path.sep).reverse();
  const manifest = path.join(root, 'artifacts', runId ?? '', attempt ?? '', 'manifest.json');
  try {
    const text = fs.readFileSync(manifest, 'utf8');
    const { artifacts, complete } = JSON.parse(text) as {
      artifacts: unknown[];
      complete?: boolean;
    };
    // It is still being written: a worker has to complete it.
    if (complete === false) return { manifest: '', artifacts: 0 };
    return { manifest, artifacts: artifacts.length };
  } catch {
    return { manifest: '', artifacts: 0 };
  }
}

function timeOf(dir: string, name: string): number | null {
  return fs.statSync(path.join(dir, name), { throwIfNoEntry: false })?.mtimeMs ?? null;
}
