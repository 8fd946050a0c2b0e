/**
 * The life of one run.
 *
 *   queued ──▶ allocating ──▶ running ──▶ stopping ──▶ done
 *     ▲   ◀─ slots.refused ┘                 │
 *     └── a voided attempt, or a retry ──────┘
 *
 * R1  Every effect is an invoked actor on a state that only that effect's own fact leaves.
 * R2  `queued` invokes nothing, so that ten thousand waiting runs cost nothing.
 * R3  Once anything may have been leased or launched, the way out leads through `stopping.releasing`.
 * R4  A run that a person stopped ends `cancelled`, whatever its exit code, and is never retried;
 *     unless something of it cannot be killed, which is told whatever came first.
 * R5  `done` is left by nothing.
 * R6  No clock: instants come with events, deadlines are kept as instants, alarms are invoked.
 * R7  A pause keeps the leases and suspends the stall limit, never the time limit.
 * R8  An attempt that failed is followed by another only where the run's policy names its cause, at most
 *     `retry.max` times, and not before its backoff is over; what is unkillable, or rejected, never is.
 */
import { allocationEnded, failedEffect, requestOf } from './run.outcomes.ts';
import { running } from './run.running.ts';
import { attempt, effectFailed, runSetup } from './run.setup.ts';
import { stopping } from './run.stopping.ts';

const queued = runSetup.createStateConfig({
  on: {
    'run.grant': {
      target: 'allocating',
      actions: { type: 'grant', params: ({ event }) => ({ slots: event.slots }) },
    },
    'run.stop': {
      target: 'done.cancelled',
      actions: { type: 'recordStop', params: ({ event }) => requestOf(event) },
    },
    // Whether a held run is granted is the allocator's to see: here it is only kept who holds it.
    'run.hold': { actions: { type: 'recordHold', params: ({ event }) => requestOf(event) } },
    'run.release': { actions: 'forgetHold' },
    'run.refuse': {
      target: 'done.rejected',
      actions: {
        type: 'decide',
        params: ({ event }) => ({
          outcome: { status: 'rejected', code: event.code, text: event.text },
        }),
      },
    },
  },
});

const toReleasing = {
  target: '#run.stopping.releasing',
  actions: { type: 'decide', params: effectFailed },
} as const;

const preflight = runSetup.createStateConfig({
  invoke: { id: 'preflight', src: 'preflight', input: attempt, onError: toReleasing },
  on: {
    'preflight.passed': 'leasing',
    'preflight.failed': {
      target: '#run.done.rejected',
      actions: {
        type: 'decide',
        params: ({ event }) => ({
          outcome: { status: 'rejected', code: event.code, text: event.text },
        }),
      },
    },
  },
});

const leasing = runSetup.createStateConfig({
  invoke: {
    id: 'lease',
    src: 'lease',
    input: ({ context }) => ({
      runId: context.runId,
      attempt: context.attempt,
      slots: context.slots,
    }),
    onError: toReleasing,
  },
  on: {
    'slots.leased': {
      target: '#run.running',
      actions: [
        { type: 'grant', params: ({ event }) => ({ slots: event.slots }) },
        { type: 'beginDeadlines', params: ({ event }) => ({ now: event.now }) },
      ],
    },
    'slots.refused': { target: '#run.queued', actions: 'ungrant' },
  },
});

const allocating = runSetup.createStateConfig({
  initial: 'preflight',
  on: {
    'run.stop': {
      target: 'stopping.releasing',
      actions: { type: 'recordStop', params: ({ event }) => requestOf(event) },
    },
    // A place that somebody else gives out was refused, or was gone before it was there.
    'allocation.ended': {
      target: 'stopping.releasing',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: allocationEnded(event) }) },
    },
    'effect.failed': {
      target: 'stopping.releasing',
      actions: { type: 'decide', params: ({ event }) => failedEffect(event) },
    },
  },
  states: { preflight, leasing },
});

const done = runSetup.createStateConfig({
  initial: 'failed',
  states: {
    completed: { type: 'final' },
    failed: { type: 'final' },
    cancelled: { type: 'final' },
    rejected: { type: 'final' },
    lost: { type: 'final' },
  },
});

export const runMachine = runSetup.createMachine({
  id: 'run',
  context: ({ input }) => ({
    runId: input.runId,
    stopSignal: input.stopSignal,
    graceMs: input.graceMs,
    killPatienceMs: input.killPatienceMs,
    timeLimitMs: input.timeLimitMs,
    attempt: 1,
    voids: 0,
    retry: input.retry ?? null,
    retries: 0,
    notBefore: null,
    last: null,
    cause: null,
    lateStop: null,
    slots: [],
    timeLimitAt: null,
    startBy: null,
    killAt: null,
    giveUpAt: null,
    stop: null,
    pause: null,
    exit: null,
    outcome: null,
    // Left out unless it is held: snapshots of before there were holds are as those of today.
    ...(input.hold == null ? {} : { hold: input.hold }),
  }),
  initial: 'queued',
  states: { queued, allocating, running, stopping, done },
});
