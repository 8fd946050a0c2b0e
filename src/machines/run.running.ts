/** `running`: something of the attempt may live. It is left towards `stopping`, whatever happens. */
import {
  allocationEnded,
  expiring,
  failedEffect,
  neverLaunched,
  outcomeOf,
  rebooted,
  requestOf,
  stalled,
  stopRule,
  timeLimit,
  unobserved,
  vanished,
  voided,
} from './run.outcomes.ts';
import { attempt, effectFailed, runSetup } from './run.setup.ts';

/** An effect that itself crashes ends the attempt the hard way. */
const toKilling = {
  target: '#run.stopping.killing',
  actions: { type: 'decide', params: effectFailed },
} as const;

const live = runSetup.createStateConfig({
  on: {
    'worker.silent': 'silent',
    'run.pause': {
      target: 'paused',
      actions: { type: 'recordPause', params: ({ event }) => requestOf(event) },
    },
  },
});

/** Only shown: a worker that says nothing is not a worker that is dead. */
const silent = runSetup.createStateConfig({
  on: {
    'worker.heard': 'live',
    'run.pause': {
      target: 'paused',
      actions: { type: 'recordPause', params: ({ event }) => requestOf(event) },
    },
  },
});

/** The effect stays invoked while it is confirmed, so that a new worker learns of the pause too. */
const paused = runSetup.createStateConfig({
  initial: 'asked',
  invoke: { id: 'pause', src: 'pause', input: attempt, onError: toKilling },
  on: { 'run.resume': 'resuming' },
  states: {
    asked: { on: { 'trainer.paused': 'confirmed' } },
    confirmed: {},
  },
});

const resuming = runSetup.createStateConfig({
  invoke: { id: 'resume', src: 'resume', input: attempt, onError: toKilling },
  on: {
    'trainer.resumed': { target: 'live', actions: 'forgetPause' },
    'run.pause': {
      target: 'paused',
      actions: { type: 'recordPause', params: ({ event }) => requestOf(event) },
    },
  },
});

const starting = runSetup.createStateConfig({
  invoke: [
    {
      id: 'launch',
      src: 'launch',
      input: attempt,
      onError: {
        target: '#run.stopping.terminating',
        actions: { type: 'decide', params: effectFailed },
      },
    },
    {
      id: 'startBy',
      src: 'alarm',
      input: ({ context }) => ({ at: context.startBy, ring: 'start.timed_out' as const }),
      onError: toKilling,
    },
  ],
  on: {
    'trainer.started': 'live',
    'launch.failed': {
      target: '#run.stopping.terminating',
      actions: [
        {
          type: 'decide',
          params: ({ event }) => ({
            outcome: { status: 'failed', code: event.code, text: event.text },
          }),
        },
        { type: 'beginGrace', params: ({ event }) => ({ now: event.now, skip: true }) },
      ],
    },
    'start.timed_out': {
      target: '#run.stopping.terminating',
      actions: [
        { type: 'decide', params: { outcome: neverLaunched } },
        { type: 'beginGrace', params: ({ event }) => ({ now: event.now, skip: true }) },
      ],
    },
  },
});

export const running = runSetup.createStateConfig({
  initial: 'starting',
  invoke: [
    { id: 'watch', src: 'watch', input: attempt, onError: toKilling },
    {
      id: 'timeLimit',
      src: 'alarm',
      input: ({ context }) => ({ at: context.timeLimitAt, ring: 'limit.reached' as const }),
      onError: toKilling,
    },
  ],
  on: {
    'run.stop': {
      target: 'stopping.terminating',
      actions: [
        { type: 'recordStop', params: ({ event }) => requestOf(event) },
        { type: 'beginGrace', params: ({ event }) => ({ now: event.now, skip: event.skipGrace }) },
      ],
    },
    'limit.reached': {
      target: 'stopping.terminating',
      actions: [
        {
          type: 'decide',
          params: ({ context }) => ({ outcome: timeLimit(context.timeLimitMs ?? 0) }),
        },
        { type: 'beginGrace', params: ({ event }) => ({ now: event.now, skip: false }) },
      ],
    },
    'trainer.stalled': {
      target: 'stopping.terminating',
      actions: [
        { type: 'decide', params: ({ event }) => ({ outcome: stalled(event.text) }) },
        { type: 'beginGrace', params: ({ event }) => ({ now: event.now, skip: false }) },
      ],
    },
    'rule.met': {
      target: 'stopping.terminating',
      actions: [
        { type: 'decide', params: ({ event }) => ({ outcome: stopRule(event.text) }) },
        { type: 'beginGrace', params: ({ event }) => ({ now: event.now, skip: false }) },
      ],
    },
    'trainer.exited': {
      target: 'stopping.collecting',
      actions: [
        { type: 'recordExit', params: ({ event }) => ({ exit: event.exit }) },
        {
          type: 'decide',
          params: ({ event }) => ({ outcome: event.because ?? outcomeOf(event.exit) }),
        },
      ],
    },
    // Its output and its exit can no longer be seen: end it properly rather than let it run unseen.
    'recorder.lost': {
      target: 'stopping.terminating',
      actions: [
        { type: 'decide', params: { outcome: unobserved('its recorder was killed') } },
        { type: 'beginGrace', params: ({ event }) => ({ now: event.now, skip: false }) },
      ],
    },
    'trainer.vanished': {
      target: 'stopping.collecting',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: unobserved(event.text) }) },
    },
    'machine.rebooted': {
      target: 'stopping.collecting',
      actions: { type: 'decide', params: { outcome: rebooted } },
    },
    'allocation.ended': {
      target: 'stopping.releasing',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: allocationEnded(event) }) },
    },
    'allocation.expiring': {
      target: 'stopping.terminating',
      actions: [
        { type: 'decide', params: ({ event }) => ({ outcome: expiring(event.text) }) },
        { type: 'beginGrace', params: ({ event }) => ({ now: event.now, skip: false }) },
      ],
    },
    // Nothing is left to collect from; what may still live is ended by `release`.
    'attempt.lost': {
      target: 'stopping.releasing',
      actions: { type: 'decide', params: ({ event }) => ({ outcome: vanished(event.text) }) },
    },
    'attempt.voided': {
      target: 'stopping.releasing',
      actions: { type: 'decide', params: { outcome: voided } },
    },
    'effect.failed': {
      target: 'stopping.terminating',
      actions: { type: 'decide', params: ({ event }) => failedEffect(event) },
    },
  },
  states: { starting, live, silent, paused, resuming },
});
