/**
 * A run as its directory alone knows it: for a registry that is to be remade, and for looking without a
 * daemon. Nothing is changed here but by `voidStart`, which is only asked for attempts that are to be
 * given up; nothing is ever started.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { RunEvent as ApiEvent, TrainRunConfig } from '../contracts/index.ts';
import { capturePlan, configDigest, validateConfig } from '../contracts/index.ts';
import { type Instant, type RetryPolicy, runMachineVersion } from '../machines/index.ts';
import type { KnownRun, NewTransition, RunRow } from '../persistence/index.ts';
import { attemptDir, bootId, runDir, runFiles } from '../rundir/index.ts';
import { attemptsOf, type PastAttempt, pastAttempt } from './past-attempt.ts';
import { assumedEnd, type EndFile, endEvents, readEnd } from './past-end.ts';
import { createRetracing, type Retracing } from './retrace.ts';
import { newRow, runInput } from './submission.ts';

export type KnownRunOptions = {
  root: string;
  defaults: { graceS: number; killPatienceS: number };
  now: Instant;
  /** Whether anything of the run was seen elsewhere: a live process, artifacts of no known attempt. */
  traced: (runId: string, attempts: number) => boolean;
  /** May attempts be given up that have not begun? Else they are shown as they are. */
  mayVoid: boolean;
};

type Submitted = {
  user: string;
  key: string;
  submitted_at: string;
  submit_digest: string;
  trace_id: string;
  trace_parent: string;
  retry_of: string | null;
  boot_id: string | null;
  config: TrainRunConfig;
};
type Stop = { user: string; reason: string; at: string };

/** Throws `rundir_corrupt` and what reading throws. */
export function knownRun(runId: string, options: KnownRunOptions): KnownRun {
  const dir = runDir(options.root, runId);
  const submitted = readSubmitted(dir);
  const { config, user, key } = submitted;
  const draft = newRow(
    runId,
    config,
    submitted.submit_digest,
    { user, key, traceparent: '' },
    submitted.submitted_at,
  );
  const base: RunRow = {
    ...draft,
    trace_id: submitted.trace_id || draft.trace_id,
    trace_parent: submitted.trace_parent,
    retry_of: submitted.retry_of,
    pinned_at: pinnedAt(dir),
    status: 'queued',
    state: 'queued',
    last_seq: 0,
    snapshot: null,
  };
  return finished(dir, base) ?? judged(base, submitted, options);
}

/** A run whose end was written down whole. */
function finished(dir: string, base: RunRow): KnownRun | null {
  const outcome = readJson<{ run: Partial<RunRow>; events: ApiEvent[] }>(
    path.join(dir, runFiles.outcome),
  );
  if (outcome === null) return null;
  // Of another version's file, what this version has a place for.
  const known = Object.entries(outcome.run).filter(([name]) => Object.hasOwn(base, name));
  const row: RunRow = {
    ...base,
    ...(Object.fromEntries(known) as Partial<RunRow>),
    config: base.config,
    pinned_at: base.pinned_at,
    snapshot: null,
  };
  const unkillable = (row.failure_reason ?? '').includes('"unkillable"');
  return {
    row,
    events: outcome.events.map(
      (event): NewTransition => ({
        at: event.at,
        attempt: event.attempt,
        event: event.event,
        from: event.from,
        to: event.to,
        detail: JSON.parse(event.detail_json) as Record<string, unknown>,
        machineVersion: event.machine_version,
      }),
    ),
    attempts: [],
    // What held them may still be there; it is looked at again and again, and given back by itself.
    leases: unkillable
      ? slotsOf(row).map((slot) => ({ slot, attempt: row.attempt, quarantined: true }))
      : [],
  };
}

/** A run whose end, if there was one, has to be read from its attempts. */
function judged(base: RunRow, submitted: Submitted, options: KnownRunOptions): KnownRun {
  const { root, now } = options;
  const dir = runDir(root, base.run_id);
  const input = runInput(base.run_id, submitted.config, options.defaults, base.hold);
  const retracing = createRetracing(input, {
    user: submitted.user,
    at: submitted.submitted_at,
  });
  const stop = readJson<Stop>(path.join(dir, runFiles.stop));
  const numbers = attemptsOf(dir);
  const attempts: KnownRun['attempts'] = [];
  for (const number of numbers) {
    const at = attemptDir(root, base.run_id, number);
    const past = pastAttempt(at, options);
    attempts.push({ attempt: number, boot_id: past.bootId, generation: past.generation });
    const wantsArtifacts = capturePlan(submitted.config).artifacts.length > 0;
    const followed = number !== numbers.at(-1) && input.retry != null && past.kind !== 'voided';
    const end =
      readEnd(at) ?? (followed ? assumedEnd(past, number, input.retry as RetryPolicy) : null);
    if (!live(retracing, past, { stop, now, wantsArtifacts, end })) break;
  }
  const at = isoOf(now);
  if (stop !== null && retracing.attempt() > attempts.length) sendStop(retracing, stop, now);
  const begins = options.mayVoid && retracing.attempt() > attempts.length;
  const doubt = begins ? notToBeQueued(base, submitted, options, attempts.length) : null;
  if (doubt !== null) {
    retracing.send({ type: 'run.grant', slots: [] }, at);
    retracing.send({ type: 'preflight.failed', code: 'preflight_failed', text: doubt }, at);
  }
  const { events, patch } = retracing.end();
  const row: RunRow = { ...base, ...patch, machine_version: runMachineVersion };
  const leases = row.finished_at === null ? slotsOf(row) : [];
  return {
    row,
    events,
    attempts,
    leases: leases.map((slot) => ({ slot, attempt: row.attempt, quarantined: false })),
  };
}

type Around = {
  stop: Stop | null;
  now: Instant;
  wantsArtifacts: boolean;
  /** How it ended, where another attempt followed. */
  end: EndFile | null;
};

/** Goes through one attempt. False when it is the last one that can have been. */
function live(retracing: Retracing, past: PastAttempt, around: Around): boolean {
  const { now, stop } = around;
  const leasedAt = instantOf(past.preparedMs, past.bootId, now);
  const at = isoOf(leasedAt);
  // Nobody waits any more for a trainer that is not there: the launch begins its patience now.
  const leased = past.trainer === null ? now : leasedAt;
  retracing.send({ type: 'run.grant', slots: past.slots }, at);
  retracing.send({ type: 'preflight.passed' }, at);
  if (past.kind === 'waits') {
    if (stop !== null) sendStop(retracing, stop, now);
    return false;
  }
  retracing.send({ type: 'slots.leased', slots: past.slots, now: leased }, at);
  // Its worker has said so, and does not say it again.
  if (past.kind === 'elsewhere') retracing.send({ type: 'trainer.started', pid: 0, at }, at);
  if (past.kind === 'voided' && around.end === null) {
    retracing.send({ type: 'attempt.voided' }, at);
    return retracing.send({ type: 'slots.released', now }, at) && retracing.attempt() > 1;
  }
  if (past.trainer !== null) {
    const startedAt = new Date(past.startedMs).toISOString();
    retracing.send({ type: 'trainer.started', pid: past.trainer.pid, at: startedAt }, startedAt);
  }
  if (around.end !== null) {
    const { at: endedAt } = around.end;
    const then = instantOf(Date.parse(endedAt), past.bootId, now);
    const before = retracing.attempt();
    for (const event of endEvents(past, around.end, then)) retracing.send(event, endedAt);
    return retracing.attempt() > before;
  }
  const { rule } = past;
  // Of one that lives its worker says so.
  if (past.kind === 'exited' && rule !== null && (stop === null || rule.at < stop.at)) {
    const then = instantOf(Date.parse(rule.at), past.bootId, now);
    retracing.send({ type: 'rule.met', text: rule.text, now: then }, rule.at);
  }
  const stoppedFirst = stop !== null && (past.endedAt === null || stop.at <= past.endedAt);
  if (past.paused) {
    const who = { user: 'unknown', reason: 'it was found stopped', at: isoOf(now) };
    retracing.send({ type: 'run.pause', ...who }, who.at);
    retracing.send({ type: 'trainer.paused' }, who.at);
  }
  if (stoppedFirst) sendStop(retracing, stop, now);
  if (past.kind === 'exited') {
    const endedAt = past.endedAt ?? isoOf(now);
    retracing.send({ type: 'trainer.exited', exit: past.exit, at: endedAt }, endedAt);
    // Too late for this attempt, and in time for the next one.
    if (stop !== null && !stoppedFirst) sendStop(retracing, stop, now);
    const ready = past.gone && (past.manifest !== '' || !around.wantsArtifacts);
    if (ready) conclude(retracing, past, past.drainedAt ?? endedAt, now);
  } else if (past.kind === 'vanished') {
    const text = 'recorder and trainer are gone and left no exit record';
    retracing.send({ type: 'trainer.vanished', text }, isoOf(now));
  } else if (past.kind === 'unwatched') retracing.send({ type: 'recorder.lost', now }, isoOf(now));
  return false;
}

function conclude(retracing: Retracing, past: PastAttempt, at: string, now: Instant): void {
  const { manifest, artifacts } = past;
  retracing.send({ type: 'output.collected', manifest, artifacts, last_metric: '' }, at);
  retracing.send({ type: 'slots.released', now }, at);
}

function sendStop(retracing: Retracing, stop: Stop, now: Instant): void {
  const { user, reason, at } = stop;
  const asked = instantOf(Date.parse(at), now.boot_id, now);
  retracing.send({ type: 'run.stop', user, reason, at, skipGrace: false, now: asked }, at);
}

/** Why a run that seems never to have begun is not queued again; null when it surely never began. */
function notToBeQueued(
  base: RunRow,
  submitted: Submitted,
  options: KnownRunOptions,
  attempts: number,
): string | null {
  const lost = 'the registry was lost, and it is not started again: submit it anew';
  if (!fs.existsSync(path.join(runDir(options.root, base.run_id), runFiles.env)))
    return `its environment is gone; ${lost}`;
  if (options.traced(base.run_id, attempts))
    return `something of it ran although no attempt is there; ${lost}`;
  // Directories are not synced: after a power loss, one that was there may be gone.
  if (submitted.boot_id !== bootId())
    return `the machine was restarted, and whether it ever began is not certain; ${lost}`;
  return null;
}

function readSubmitted(dir: string): Submitted {
  const file = path.join(dir, runFiles.config);
  const found = JSON.parse(fs.readFileSync(file, 'utf8')) as Partial<Submitted>;
  const config = validateConfig(found.config);
  return {
    config,
    user: found.user ?? '',
    key: found.key ?? '',
    submitted_at: found.submitted_at ?? fs.statSync(file).mtime.toISOString(),
    submit_digest: found.submit_digest ?? configDigest(config),
    trace_id: found.trace_id ?? '',
    trace_parent: found.trace_parent ?? '',
    retry_of: found.retry_of ?? null,
    boot_id: found.boot_id ?? null,
  };
}

/** Since when its artifacts are to be kept, or null. */
function pinnedAt(dir: string): string | null {
  try {
    return fs.readFileSync(path.join(dir, runFiles.pinned), 'utf8').trim();
  } catch {
    return null;
  }
}

function slotsOf(row: RunRow): string[] {
  return JSON.parse(row.gpu_slot) as string[];
}

/** A point of the wall clock as an instant: on this boot by both clocks. */
function instantOf(wallMs: number, boot: string, now: Instant): Instant {
  const mono_ms = boot === now.boot_id ? now.mono_ms - (now.wall_ms - wallMs) : 0;
  return { boot_id: boot, wall_ms: wallMs, mono_ms };
}

function isoOf(instant: Instant): string {
  return new Date(instant.wall_ms).toISOString();
}

/** Null when the file is not there or was cut. */
function readJson<T>(file: string): T | null {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as T;
  } catch {
    return null;
  }
}
