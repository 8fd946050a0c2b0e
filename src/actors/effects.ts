/**
 * The effects of the run chart, injected with `.provide`. Each is idempotent by (run, attempt, effect):
 * a restored chart starts it again, and it finds what was done already.
 */
import { fromCallback } from 'xstate';
import { type ErrorCode, RunyardError } from '../errors.ts';
import type { AttemptSpec, Executor, Wish } from '../executors/index.ts';
import { failpoint } from '../failpoints.ts';
import {
  type Alarm,
  type AttemptInput,
  type Instant,
  msUntil,
  type RunEvent,
  runMachine,
} from '../machines/index.ts';
import type { Clock } from '../telemetry/index.ts';
import { alarm } from './alarm.ts';

export type EffectDeps = {
  clock: Clock;
  executor: Executor;
  /** Every reason why the run cannot start here; empty when it can. */
  preflight: (runId: string, signal: AbortSignal) => Promise<string[]>;
  /** What may surprise, but keeps it from nothing. */
  warnings?: (runId: string) => Promise<string[]>;
  /** What a further attempt goes on from, for people; null: from the beginning. */
  resumes?: (input: AttemptInput) => Promise<string | null>;
  /**
   * All or none; false when a slot is held by somebody else. Leases nothing once `signal` is aborted. Slots, where
   * somebody else than the yard chose them. Throws `slurm_refused`.
   */
  lease: (
    input: AttemptInput,
    slots: readonly string[],
    signal: AbortSignal,
  ) => boolean | readonly string[] | Promise<boolean | readonly string[]>;
  spec: (input: AttemptInput) => Promise<AttemptSpec>;
  /** Resolves when all that was committed before is on the disk. */
  synced: () => Promise<void>;
  /** How long what is left of an attempt may take to die before its slots are set aside. */
  leftoversMs: number;
  /** The same for runs whose processes somebody else has to end; left out: as for all. */
  leftoversMsOf?: (runId: string) => number;
  /** True when no process holds a GPU of the attempt any more. */
  locksFree: (input: AttemptInput) => Promise<boolean>;
  /** Frees the attempt's slots, or sets them aside. Throws when it has to be tried again. */
  release: (input: AttemptInput & { quarantine: boolean }) => Promise<void>;
};

const releaseRetryMs = 500;
const leftoversRetryMs = 20;
/** Refusals of the disk or the registry, and how long until it is tried again. */
const passing: readonly ErrorCode[] = [
  'disk_full',
  'home_unusable',
  'registry_unavailable',
  'registry_corrupt',
  'bus_unavailable',
  'slurm_away',
];
const passingRetryMs = 1000;
/** Longest that an end waits for its decision to be on the disk. */
const decidedMostMs = 3000;
/** How often we kill by ourselves what a worker should have killed in a moment. */
const ownKillMs = 5000;
/** The run chart with real effects. */
export function provideRun(deps: EffectDeps): typeof runMachine {
  const { clock, executor } = deps;
  const effect = <TInput>(name: string, act: Act<TInput>) => effectOn(clock, name, act);
  return runMachine.provide({
    actors: {
      preflight: effect('preflight', async (input: AttemptInput, signal) => {
        const { runId, attempt } = input;
        const [reasons, warnings, from] = await Promise.all([
          deps.preflight(runId, signal),
          deps.warnings?.(runId) ?? [],
          attempt === 1 ? null : (deps.resumes?.(input) ?? null),
        ]);
        if (reasons.length > 0) {
          return { type: 'preflight.failed', code: 'preflight_failed', text: reasons.join('; ') };
        }
        return {
          type: 'preflight.passed',
          ...(warnings.length > 0 ? { warnings } : {}),
          ...(from === null ? {} : { resumes: from }),
        };
      }),
      lease: effect('lease', (input: AttemptInput & { slots: readonly string[] }, signal) =>
        lease(deps, input, signal),
      ),
      launch: effect('launch', async (input: AttemptInput, signal) => {
        failpoint('launch.asked');
        const spec = await deps.spec(input);
        // Stopped and voided meanwhile: nothing may be prepared for it any more.
        if (!signal.aborted) await executor.launch(spec, signal);
        return null;
      }),
      watch: effect('watch', async ({ runId, attempt }: AttemptInput) => {
        // While `starting`, it is `launch` that attaches: before it, there may be nothing to look after.
        executor.attachLaunched(runId, attempt);
        return null;
      }),
      pause: effect('pause', wish(executor, { kind: 'pause' })),
      resume: effect('resume', wish(executor, { kind: 'resume' })),
      terminate: effect('terminate', async (input: AttemptInput & { signal: string }, left) => {
        const { runId, attempt, signal } = input;
        // Where no worker has come so far none is needed: what was not started is not going to be.
        if (executor.voidUnlaunched(runId, attempt)) return { type: 'attempt.voided' };
        await decided(deps);
        if (left.aborted) return null;
        executor.wish(runId, attempt, { kind: 'terminate', signal });
        return null;
      }),
      kill: effect('kill', (input: AttemptInput, signal) => kill(deps, input, signal)),
      collect: effect('collect', async ({ runId, attempt }: AttemptInput) => {
        executor.attach(runId, attempt);
        return null;
      }),
      release: effect('release', (input: AttemptInput & { quarantine: boolean }, signal) =>
        release(deps, input, signal),
      ),
      alarm: fromCallback<RunEvent, { at: Instant | null; ring: Alarm }>(({ input, sendBack }) =>
        alarm(deps, input, sendBack),
      ),
    },
  });
}

function wish(executor: Executor, wanted: Wish) {
  return async ({ runId, attempt }: AttemptInput): Promise<null> => {
    executor.wish(runId, attempt, wanted);
    return null;
  };
}

async function lease(
  deps: EffectDeps,
  input: AttemptInput & { slots: readonly string[] },
  signal: AbortSignal,
): Promise<RunEvent> {
  const { slots } = input;
  try {
    const taken = await deps.lease(input, slots, signal);
    failpoint('lease.taken');
    if (taken === false) return { type: 'slots.refused', text: 'a slot was taken meanwhile' };
    return { type: 'slots.leased', slots: taken === true ? slots : taken, now: deps.clock.now() };
  } catch (error) {
    if (!(error instanceof RunyardError) || error.code !== 'slurm_refused') throw error;
    return { type: 'allocation.ended', status: 'failed', code: 'job_refused', text: error.message };
  }
}

/**
 * Before a trainer is made to end, the decision is on the disk: else a power loss takes the reason with it,
 * and what we ended passes for an end of its own. A disk that refuses, or hangs, must not keep a trainer alive.
 */
function decided({ clock, synced }: EffectDeps): Promise<void> {
  return new Promise((resolve) => {
    const callOff = clock.after(decidedMostMs, resolve);
    const settle = (): void => {
      callOff();
      resolve();
    };
    synced().then(settle, settle);
  });
}

/**
 * Has the worker kill; and kills too, because a worker may be long in coming, or none can be had. How it
 * ended is read here for the same reason: what ended must not count as something that cannot be killed.
 */
async function kill(
  deps: EffectDeps,
  input: AttemptInput,
  signal: AbortSignal,
): Promise<RunEvent | null> {
  const { clock, executor } = deps;
  const { runId, attempt } = input;
  // Its recorder may have failed before it claimed anything: then there is nothing to kill.
  if (executor.voidUnlaunched(runId, attempt)) return { type: 'attempt.voided' };
  await decided(deps);
  if (signal.aborted) return null;
  executor.wish(runId, attempt, { kind: 'kill' });
  for (;;) {
    await pause(clock, ownKillMs);
    if (signal.aborted) return null;
    await executor.swept(runId, attempt);
    const exit = executor.exitOf(runId, attempt);
    if (exit !== null) return { type: 'trainer.exited', exit, at: clock.iso() };
  }
}

/** Frees what the attempt held once nothing of it is left; what does not die keeps its slots. */
async function release(
  deps: EffectDeps,
  input: AttemptInput & { quarantine: boolean },
  signal: AbortSignal,
): Promise<RunEvent> {
  const { clock, executor } = deps;
  const { runId, attempt, quarantine } = input;
  const began = clock.now();
  const isFree = async (): Promise<boolean> =>
    (await executor.swept(runId, attempt)) && (await deps.locksFree(input));
  for (;;) {
    try {
      // Another took over meanwhile: what it releases is no longer ours to release.
      signal.throwIfAborted();
      executor.detach(runId, attempt);
      failpoint('release.begun');
      if (!quarantine && !(await isFree())) {
        if (msUntil(began, clock.now()) < -(deps.leftoversMsOf?.(runId) ?? deps.leftoversMs))
          return { type: 'leftovers.survived' };
        await pause(clock, leftoversRetryMs);
        continue;
      }
      signal.throwIfAborted();
      await deps.release(input);
      failpoint('release.freed');
      return { type: 'slots.released', now: clock.now() };
    } catch (error) {
      if (signal.aborted) throw error;
      await pause(clock, releaseRetryMs);
    }
  }
}

/** Why an effect is called off. Made once: an exception of its own for each would cost more than the call. */
const stateLeft = new Error('the state was left');

type Act<TInput> = (input: TInput, signal: AbortSignal) => Promise<RunEvent | null>;

/**
 * An effect as an invoked actor: its fact is sent back unless the state was left meanwhile. What the disk
 * or the registry refuses is tried again, because that passes: a live trainer must not pay for it.
 */
function effectOn<TInput>(clock: Clock, name: string, act: Act<TInput>) {
  return fromCallback<RunEvent, TInput>(({ input, sendBack }) => {
    const controller = new AbortController();
    const { signal } = controller;
    const begin = (): void =>
      void act(input, signal).then(
        (fact) => {
          if (fact !== null && !signal.aborted) sendBack(fact);
        },
        (error: unknown) => {
          if (signal.aborted) return;
          const code = error instanceof RunyardError ? error.code : 'internal';
          if (passing.includes(code)) clock.after(passingRetryMs, () => signal.aborted || begin());
          else if (code === 'rundir_lost')
            sendBack({ type: 'attempt.lost', text: (error as RunyardError).message });
          else sendBack({ type: 'effect.failed', effect: name, text: textOf(error) });
        },
      );
    begin();
    return () => controller.abort(stateLeft);
  });
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

/** The message of an error with those of its causes. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${textOf(error.cause)}`;
}
