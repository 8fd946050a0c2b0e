/** `stopping`: the attempt is ended, what it left is collected, and what it held is released. */
import {
  allocationEnded,
  requestOf,
  unkillable,
  unobserved,
  vanished,
  voided,
} from './run.outcomes.ts';
import { attempt, effectFailed, runSetup } from './run.setup.ts';

/** An effect that crashes must not keep a run from its end. */
const toCollecting = {
  target: 'collecting',
  actions: { type: 'decide', params: effectFailed },
} as const;

const terminating = runSetup.createStateConfig({
  invoke: [
    {
      id: 'terminate',
      src: 'terminate',
      input: ({ context }) => ({
        runId: context.runId,
        attempt: context.attempt,
        signal: context.stopSignal,
      }),
      onError: 'killing',
    },
    {
      id: 'grace',
      src: 'alarm',
      input: ({ context }) => ({ at: context.killAt, ring: 'grace.ended' as const }),
      onError: 'killing',
    },
  ],
  on: {
    'run.stop': {
      guard: 'skipsGrace',
      target: 'killing',
      actions: [
        { type: 'recordStop', params: ({ event }) => requestOf(event) },
        { type: 'recordLateStop', params: ({ event }) => requestOf(event) },
        { type: 'beginKill', params: ({ event }) => ({ now: event.now }) },
      ],
    },
    'grace.ended': {
      target: 'killing',
      actions: { type: 'beginKill', params: ({ event }) => ({ now: event.now }) },
    },
    'trainer.exited': {
      target: 'collecting',
      actions: { type: 'recordExit', params: ({ event }) => ({ exit: event.exit }) },
    },
    'trainer.vanished': {
      target: 'collecting',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: unobserved(event.text) }) },
    },
    'machine.rebooted': 'collecting',
    'attempt.lost': {
      target: 'releasing',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: vanished(event.text) }) },
    },
    'allocation.ended': {
      target: 'releasing',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: allocationEnded(event) }) },
    },
    'attempt.voided': {
      target: 'releasing',
      actions: { type: 'decide', params: { outcome: voided } },
    },
    'effect.failed': 'killing',
  },
});

const killing = runSetup.createStateConfig({
  invoke: [
    { id: 'kill', src: 'kill', input: attempt, onError: toCollecting },
    {
      id: 'patience',
      src: 'alarm',
      input: ({ context }) => ({ at: context.giveUpAt, ring: 'kill.timed_out' as const }),
      onError: toCollecting,
    },
  ],
  on: {
    'trainer.exited': {
      target: 'collecting',
      actions: { type: 'recordExit', params: ({ event }) => ({ exit: event.exit }) },
    },
    'trainer.vanished': {
      target: 'collecting',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: unobserved(event.text) }) },
    },
    'machine.rebooted': 'collecting',
    'attempt.lost': {
      target: 'releasing',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: vanished(event.text) }) },
    },
    'allocation.ended': {
      target: 'releasing',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: allocationEnded(event) }) },
    },
    'attempt.voided': {
      target: 'releasing',
      actions: { type: 'decide', params: { outcome: voided } },
    },
    // Not to `collecting`: what cannot be ended cannot be read to its end either.
    'kill.timed_out': {
      target: 'releasing',
      actions: { type: 'overrule', params: { outcome: unkillable } },
    },
  },
});

const collecting = runSetup.createStateConfig({
  invoke: {
    id: 'collect',
    src: 'collect',
    input: attempt,
    onError: { target: 'releasing', actions: { type: 'decide', params: effectFailed } },
  },
  on: {
    'output.collected': {
      target: 'releasing',
      actions: { type: 'recordCause', params: ({ event }) => ({ cause: event.cause ?? null }) },
    },
    'effect.failed': 'releasing',
    'attempt.lost': 'releasing',
    'allocation.ended': {
      target: 'releasing',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: allocationEnded(event) }) },
    },
    'leftovers.survived': { actions: { type: 'overrule', params: { outcome: unkillable } } },
    // Somebody does not want to wait for the copies.
    'run.stop': {
      guard: 'skipsGrace',
      target: 'releasing',
      actions: { type: 'recordLateStop', params: ({ event }) => requestOf(event) },
    },
    // A kill that was late: how it ended is known after all.
    'trainer.exited': {
      actions: { type: 'recordExit', params: ({ event }) => ({ exit: event.exit }) },
    },
  },
});

const releasing = runSetup.createStateConfig({
  invoke: {
    id: 'release',
    src: 'release',
    input: ({ context }) => ({
      runId: context.runId,
      attempt: context.attempt,
      quarantine: context.outcome?.code === 'unkillable',
    }),
    onError: '#run.done.failed',
  },
  on: {
    // The trainer's end was seen, and some other process of it does not die.
    'leftovers.survived': {
      target: 'releasing',
      reenter: true,
      actions: { type: 'overrule', params: { outcome: unkillable } },
    },
    'slots.released': [
      { guard: 'mayTryAgain', target: '#run.queued', actions: 'nextAttempt' },
      {
        guard: 'mayRetry',
        target: '#run.queued',
        actions: { type: 'retryLater', params: ({ event }) => ({ now: event.now }) },
      },
      { guard: 'isUnkillable', target: '#run.done.failed' },
      { guard: 'stopAsked', target: '#run.done.cancelled', actions: 'callOff' },
      {
        guard: { type: 'isStatus', params: { status: 'completed' } },
        target: '#run.done.completed',
      },
      { guard: { type: 'isStatus', params: { status: 'lost' } }, target: '#run.done.lost' },
      { target: '#run.done.failed' },
    ],
  },
});

export const stopping = runSetup.createStateConfig({
  initial: 'terminating',
  on: {
    // Keeps who asked although another cause came first; it changes no state.
    'run.stop': {
      actions: [
        { type: 'recordStop', params: ({ event }) => requestOf(event) },
        { type: 'recordLateStop', params: ({ event }) => requestOf(event) },
      ],
    },
  },
  states: { terminating, killing, collecting, releasing },
});
