/**
 * What a run looks like from outside: a small machine without effects. Its events are what a user or
 * the world can do, its states are what the API and the trainer's own journal show. It knows nothing of
 * the real chart; its paths are taken by a real daemon in `lifecycle.test.ts`.
 */
import { createMachine } from 'xstate';

/** What can be seen of a run in a state of the model. */
export type Shows = {
  /** `state` of the API; null before the submit. */
  state: string | null;
  /** `failure_reason.code` of a run that is over. */
  reason?: string;
  /** How the trainer ended: a code, a signal, one of several; left out: nobody saw it, or it never ran. */
  exit?: number | string | readonly string[];
  /** Who is shown as having stopped it. */
  stoppedBy?: 'ana';
  attempt?: number;
  /** Trainers that were started; left out: one, or none where none is to have been. */
  starts?: number;
  /** The GPU that the run asked for: its own, nobody's, somebody else's, or set aside. */
  gpu: 'held' | 'free' | 'taken' | 'aside';
  /** What the trainer's journal and /proc say. */
  trainer: 'never' | 'runs' | 'stopped' | 'over';
};

const runs = { state: 'running.live', gpu: 'held', trainer: 'runs' } as const;
const waits = { state: 'queued', gpu: 'taken', trainer: 'never' } as const;
const over = { gpu: 'free', trainer: 'over' } as const;
const ended = { type: 'final' } as const;
const stopped = { ...over, state: 'done.cancelled', reason: 'stopped', stoppedBy: 'ana' } as const;
const failed = { ...over, state: 'done.failed' } as const;

/** Nothing of it changes what the model shows: the run goes on as if nothing had happened. */
const unharmed = (state: string) => ({
  'daemon is killed': state,
  'daemon is told to end, and started again': state,
  'worker is killed': state,
  'bus is killed': state,
});

export const lifecycle = createMachine({
  id: 'lifecycle',
  initial: 'absent',
  states: {
    absent: {
      meta: { state: null, gpu: 'free', trainer: 'never' } satisfies Shows,
      on: {
        'user submits': 'live',
        'user submits while no GPU is free': 'waiting',
        'user submits a trainer that ignores SIGTERM': 'stubborn',
        'user submits a trainer that ignores SIGTERM, with a short grace': 'brief',
        'user submits with a time limit': 'limited',
        'user submits with a stall limit': 'watched',
        'user submits with a retry': 'tenacious',
        'user submits with a retry after an hour': 'patient',
        'user submits with a stop rule': 'ruled',
        'user submits a file that cannot be executed': 'unexecutable',
        'user submits a run that is held': 'held',
        'user submits a run that waits for the success of another': 'behind',
      },
    },

    waiting: {
      meta: waits satisfies Shows,
      on: {
        'a GPU becomes free': 'live',
        'user stops': 'stoppedWaiting',
        'user stops now': 'stoppedWaiting',
        'daemon is killed': 'waiting',
        'user holds': 'heldWaiting',
        'working directory is removed': 'homeless',
        'a GPU becomes free, and the recorder dies before its start': 'secondAttempt',
        'a GPU becomes free, and each recorder dies before its start': 'givenUp',
      },
    },
    /** Its GPU is free, and it does not take it. */
    held: {
      meta: { ...waits, gpu: 'free' } satisfies Shows,
      on: {
        'user holds': 'held',
        'user releases': 'live',
        'user stops': 'stoppedHeld',
        'daemon is killed': 'held',
      },
    },
    heldWaiting: {
      meta: waits satisfies Shows,
      on: {
        'a GPU becomes free': 'held',
        'user releases': 'waiting',
        'daemon is killed': 'heldWaiting',
      },
    },
    /** Behind one that has the GPU. */
    behind: {
      meta: waits satisfies Shows,
      on: {
        'the other one succeeds': 'live',
        'the other one fails': 'refused',
        'daemon is killed': 'behind',
      },
    },
    homeless: {
      meta: waits satisfies Shows,
      on: { 'a GPU becomes free': 'rejected', 'daemon is killed': 'homeless' },
    },

    live: {
      meta: runs satisfies Shows,
      on: {
        ...unharmed('live'),
        'trainer exits 0': 'completed',
        'trainer exits 3': 'exitedThree',
        'trainer is killed by a signal': 'killedFromOutside',
        'trainer exits 3 while no daemon lives': 'exitedThree',
        'trainer exits 0 while neither daemon nor worker lives': 'completed',
        'recorder is killed': 'unobserved',
        'recorder and trainer are killed while the worker is frozen': 'unobserved',
        'user stops': 'stopped',
        'user stops now': 'stoppedNow',
        'user pauses': 'paused',
        'worker freezes': 'silent',
        'recorder freezes': 'unwatched',
        'bus freezes': 'busless',
        'run directory is removed': 'vanished',
        'run directory is removed while no daemon lives': 'vanished',
        'machine is restarted': 'rebooted',
      },
    },
    secondAttempt: {
      meta: { ...runs, attempt: 2 } satisfies Shows,
      on: { 'trainer exits 0': 'completedAtSecond', 'daemon is killed': 'secondAttempt' },
    },
    paused: {
      meta: { ...runs, state: 'running.paused.confirmed', trainer: 'stopped' } satisfies Shows,
      on: {
        ...unharmed('paused'),
        'user pauses': 'paused',
        'user resumes': 'live',
        'user stops': 'stopped',
        'user stops now': 'stoppedNow',
        'trainer is killed by a signal': 'killedFromOutside',
        'recorder is killed': 'unobserved',
        'worker freezes too': 'pausedFrozen',
      },
    },
    pausedFrozen: {
      meta: { ...runs, state: 'running.paused.confirmed', trainer: 'stopped' } satisfies Shows,
      on: { 'user resumes': 'resuming' },
    },
    resuming: {
      meta: { ...runs, state: 'running.resuming', trainer: 'stopped' } satisfies Shows,
      on: { 'user pauses': 'pausingAgain', 'worker goes on': 'live' },
    },
    pausingAgain: {
      meta: { ...runs, state: 'running.paused.asked', trainer: 'stopped' } satisfies Shows,
      on: { 'worker goes on': 'paused' },
    },
    silent: {
      meta: { ...runs, state: 'running.silent' } satisfies Shows,
      on: {
        'worker goes on': 'live',
        'daemon is killed': 'silent',
        'user stops now': 'stoppedNow',
        'user pauses': 'pausing',
      },
    },
    /** A worker that is frozen cannot obey: the wish waits for it. */
    pausing: {
      meta: { ...runs, state: 'running.paused.asked' } satisfies Shows,
      on: { 'worker goes on': 'paused' },
    },
    unwatched: { meta: runs satisfies Shows, on: { 'user stops now': 'unkillable' } },
    busless: {
      meta: runs satisfies Shows,
      on: {
        'bus goes on': 'live',
        'user stops': 'stopped',
        'trainer exits 0': 'completed',
        'trainer exits 0, and nobody waits for its output': 'completed',
      },
    },

    limited: {
      meta: runs satisfies Shows,
      on: {
        'time limit passes': 'timedOut',
        'user pauses': 'limitedPaused',
        'trainer exits 0': 'completed',
      },
    },
    limitedPaused: {
      meta: { ...runs, state: 'running.paused.confirmed', trainer: 'stopped' } satisfies Shows,
      on: { 'time limit passes': 'timedOut' },
    },
    watched: {
      meta: runs satisfies Shows,
      on: {
        'trainer falls silent': 'stalled',
        'user pauses': 'watchedPaused',
        'bus freezes': 'watchedBusless',
      },
    },
    watchedPaused: {
      meta: { ...runs, state: 'running.paused.confirmed', trainer: 'stopped' } satisfies Shows,
      on: {
        'stall limit passes': 'watchedPaused',
        'user resumes': 'watched',
        'worker is killed': 'watchedAnew',
      },
    },
    /** By a worker that has not seen the pause begin. */
    watchedAnew: {
      meta: { ...runs, state: 'running.paused.confirmed', trainer: 'stopped' } satisfies Shows,
      on: { 'stall limit passes': 'watchedPaused' },
    },
    watchedBusless: {
      meta: runs satisfies Shows,
      on: { 'stall limit passes': 'watchedBusless', 'trainer falls silent': 'stalled' },
    },

    tenacious: {
      meta: runs satisfies Shows,
      on: {
        'trainer exits 3': 'retried',
        'trainer exits 0': 'completed',
        'machine is restarted': 'rebooted',
      },
    },
    /** By the policy of the run, at once. */
    retried: {
      meta: { ...runs, attempt: 2, starts: 2 } satisfies Shows,
      on: {
        'trainer exits 0': 'completedRetried',
        'trainer exits 3': 'failedRetried',
        'daemon is killed': 'retried',
        'user stops': 'stoppedRetried',
      },
    },
    patient: {
      meta: runs satisfies Shows,
      on: { 'trainer exits 3': 'backingOff', 'user stops': 'stopped' },
    },
    /** An hour is ahead of it, and its GPU is others'. */
    backingOff: {
      meta: { ...over, state: 'queued', attempt: 2 } satisfies Shows,
      on: {
        'daemon is killed': 'backingOff',
        'user holds': 'backingOff',
        'user releases': 'backingOff',
        'user stops': 'stoppedBackingOff',
      },
    },
    ruled: {
      meta: runs satisfies Shows,
      on: { 'metric is where it was to end': 'ruledOut', 'trainer exits 3': 'exitedThree' },
    },

    brief: { meta: runs satisfies Shows, on: { 'user stops': 'stoppedHard' } },
    stubborn: {
      meta: runs satisfies Shows,
      on: { 'user stops': 'stopping', 'recorder is killed': 'blind' },
    },
    stopping: {
      meta: { ...runs, state: 'stopping.terminating', stoppedBy: 'ana' } satisfies Shows,
      on: {
        ...unharmed('stopping'),
        'somebody else stops too': 'stopping',
        'user stops now': 'stoppedHard',
        'trainer exits 0': 'stoppedClean',
        'recorder is killed': 'stoppingBlind',
        'run directory is removed': 'stoppedUnseen',
        'machine is restarted': 'stoppedUnseen',
      },
    },
    stoppingBlind: {
      meta: { ...runs, state: 'stopping.terminating', stoppedBy: 'ana' } satisfies Shows,
      on: { 'user stops now': 'stoppedUnseen' },
    },
    /** Its recorder is gone and SIGTERM does nothing: it has its grace, and how it ends nobody will see. */
    blind: {
      meta: { ...runs, state: 'stopping.terminating' } satisfies Shows,
      on: { 'user stops now': 'unobserved', 'daemon is killed': 'blind' },
    },

    completed: { ...ended, meta: { ...over, state: 'done.completed', exit: 0 } satisfies Shows },
    completedAtSecond: {
      ...ended,
      meta: { ...over, state: 'done.completed', exit: 0, attempt: 2 } satisfies Shows,
    },
    completedRetried: {
      ...ended,
      meta: { ...over, state: 'done.completed', exit: 0, attempt: 2, starts: 2 } satisfies Shows,
    },
    failedRetried: {
      ...ended,
      meta: { ...failed, reason: 'exit_nonzero', exit: 3, attempt: 2, starts: 2 } satisfies Shows,
    },
    stoppedRetried: {
      ...ended,
      meta: { ...stopped, exit: 'SIGTERM', attempt: 2, starts: 2 } satisfies Shows,
    },
    stoppedBackingOff: { ...ended, meta: { ...stopped, attempt: 2 } satisfies Shows },
    ruledOut: {
      ...ended,
      meta: {
        ...over,
        state: 'done.completed',
        reason: 'stop_rule',
        exit: 'SIGTERM',
      } satisfies Shows,
    },
    exitedThree: { ...ended, meta: { ...failed, reason: 'exit_nonzero', exit: 3 } satisfies Shows },
    killedFromOutside: {
      ...ended,
      meta: { ...failed, reason: 'signal', exit: 'SIGKILL' } satisfies Shows,
    },
    unexecutable: {
      ...ended,
      meta: { ...failed, reason: 'noexec', trainer: 'never' } satisfies Shows,
    },
    rejected: {
      ...ended,
      meta: {
        ...failed,
        state: 'done.rejected',
        reason: 'preflight_failed',
        trainer: 'never',
      } satisfies Shows,
    },
    refused: {
      ...ended,
      meta: {
        ...failed,
        state: 'done.rejected',
        reason: 'dependency_failed',
        trainer: 'never',
      } satisfies Shows,
    },
    givenUp: {
      ...ended,
      meta: { ...failed, reason: 'voided', attempt: 4, trainer: 'never' } satisfies Shows,
    },
    timedOut: {
      ...ended,
      meta: { ...failed, reason: 'time_limit', exit: 'SIGTERM' } satisfies Shows,
    },
    stalled: { ...ended, meta: { ...failed, reason: 'stalled', exit: 'SIGTERM' } satisfies Shows },
    unobserved: { ...ended, meta: { ...failed, reason: 'exit_unobserved' } satisfies Shows },
    unkillable: {
      meta: {
        ...failed,
        reason: 'unkillable',
        stoppedBy: 'ana',
        gpu: 'aside',
      } satisfies Shows,
      on: { 'recorder goes on': 'killedAtLast' },
    },
    killedAtLast: {
      ...ended,
      meta: { ...failed, reason: 'unkillable', stoppedBy: 'ana' } satisfies Shows,
    },
    vanished: {
      ...ended,
      meta: { ...over, state: 'done.lost', reason: 'trainer_vanished' } satisfies Shows,
    },
    rebooted: {
      ...ended,
      meta: { ...over, state: 'done.lost', reason: 'machine_rebooted' } satisfies Shows,
    },
    stopped: { ...ended, meta: { ...stopped, exit: 'SIGTERM' } satisfies Shows },
    stoppedNow: { ...ended, meta: { ...stopped, exit: ['SIGTERM', 'SIGKILL'] } satisfies Shows },
    stoppedHard: { ...ended, meta: { ...stopped, exit: 'SIGKILL' } satisfies Shows },
    stoppedClean: { ...ended, meta: { ...stopped, exit: 0 } satisfies Shows },
    stoppedUnseen: { ...ended, meta: stopped satisfies Shows },
    stoppedHeld: { ...ended, meta: { ...stopped, trainer: 'never' } satisfies Shows },
    stoppedWaiting: {
      ...ended,
      meta: { ...stopped, gpu: 'taken', trainer: 'never' } satisfies Shows,
    },
  },
});
