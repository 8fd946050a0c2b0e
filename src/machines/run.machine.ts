/**
 * The life of one run.
 *
 *   queued ──▶ allocating ──▶ running ──▶ stopping ──▶ done
 *     ▲   ◀─ slots.refused ┘                 │
 *     └──────── a voided attempt ────────────┘
 *
 * R1  Every effect is an invoked actor on a state that only that effect's own fact leaves.
 * R2  `queued` invokes nothing, so that ten thousand waiting runs cost nothing.
 * R3  Once anything may have been leased or launched, the way out leads through `stopping.releasing`.
 * R4  A run that a person stopped ends `cancelled`, whatever its exit code, and is never retried.
 * R5  `done` is left by nothing.
 * R6  No clock: instants come with events, deadlines are kept as instants, alarms are invoked.
 */
import { assign, fromCallback, setup } from 'xstate';
import { after, type Instant } from './instant.ts';
import type {
  AttemptInput,
  Outcome,
  RunContext,
  RunEvent,
  RunInput,
  StopRequest,
  TrainerExit,
} from './run.types.ts';

/** How long SIGKILL may take before the run is called unkillable. */
const killPatienceMs = 30_000;
/** How often an attempt may be voided before the run fails: it never ran, so retrying is safe. */
const voidLimit = 3;

/** Default of every injected effect: a forgotten `.provide` must be loud. */
function notProvided(name: string): never {
  throw new Error(`run machine: actor "${name}" was not provided`);
}

/** The result that an observed exit means, when nobody asked for an end. */
export function outcomeOf(exit: TrainerExit): Outcome {
  switch (exit.kind) {
    case 'exited':
      return exit.code === 0
        ? { status: 'completed', code: 'completed', text: '' }
        : { status: 'failed', code: 'exit_nonzero', text: `exited ${exit.code}` };
    case 'signaled': {
      const core = exit.core === true ? ', core dumped' : '';
      return { status: 'failed', code: 'signal', text: `ended by ${exit.signal}${core}` };
    }
    case 'noexec':
    case 'notstarted': {
      const code = exit.kind === 'noexec' ? 'noexec' : 'not_started';
      return { status: 'failed', code, text: exit.message ?? exit.errno ?? 'could not be started' };
    }
  }
}

const attempt = ({ context }: { context: RunContext }): AttemptInput => ({
  runId: context.runId,
  attempt: context.attempt,
});
const effectFailed = ({ event }: { event: { error: unknown } }): { outcome: Outcome } => ({
  outcome: { status: 'failed', code: 'internal', text: String(event.error) },
});

export const runMachine = setup({
  types: {
    context: {} as RunContext,
    events: {} as RunEvent,
    input: {} as RunInput,
  },
  actors: {
    preflight: fromCallback<RunEvent, AttemptInput>(() => notProvided('preflight')),
    lease: fromCallback<RunEvent, AttemptInput & { slots: readonly string[] }>(() =>
      notProvided('lease'),
    ),
    launch: fromCallback<RunEvent, AttemptInput>(() => notProvided('launch')),
    watch: fromCallback<RunEvent, AttemptInput>(() => notProvided('watch')),
    terminate: fromCallback<RunEvent, AttemptInput & { signal: string }>(() =>
      notProvided('terminate'),
    ),
    kill: fromCallback<RunEvent, AttemptInput>(() => notProvided('kill')),
    collect: fromCallback<RunEvent, AttemptInput>(() => notProvided('collect')),
    release: fromCallback<RunEvent, AttemptInput>(() => notProvided('release')),
    alarm: fromCallback<
      RunEvent,
      { at: Instant | null; ring: 'limit.reached' | 'grace.ended' | 'kill.timed_out' }
    >(() => notProvided('alarm')),
  },
  actions: {
    grant: assign({ slots: (_, params: { slots: readonly string[] }) => params.slots }),
    ungrant: assign({ slots: () => [] }),
    beginTimeLimit: assign({
      timeLimitAt: ({ context }, params: { now: Instant }) =>
        context.timeLimitMs === null ? null : after(params.now, context.timeLimitMs),
    }),
    // The first cause wins: a stop that comes after the end was decided changes nothing.
    recordStop: assign({
      stop: ({ context }, params: StopRequest) =>
        context.stop ?? (context.outcome === null ? params : null),
    }),
    beginGrace: assign({
      killAt: ({ context }, params: { now: Instant; skip: boolean }) =>
        after(params.now, params.skip ? 0 : context.graceMs),
    }),
    beginKill: assign({
      giveUpAt: (_, params: { now: Instant }) => after(params.now, killPatienceMs),
    }),
    recordExit: assign({ exit: (_, params: { exit: TrainerExit }) => params.exit }),
    // The first cause wins: a time limit stays one although the trainer then dies of SIGTERM.
    decide: assign({
      outcome: ({ context }, params: { outcome: Outcome }) => context.outcome ?? params.outcome,
    }),
    nextAttempt: assign({
      attempt: ({ context }) => context.attempt + 1,
      voids: ({ context }) => context.voids + 1,
      slots: () => [],
      outcome: () => null,
      exit: () => null,
      timeLimitAt: () => null,
    }),
  },
  guards: {
    stopAsked: ({ context }) => context.stop !== null,
    isStatus: ({ context }, params: { status: string }) =>
      context.outcome?.status === params.status,
    mayTryAgain: ({ context }) =>
      context.stop === null && context.outcome?.code === 'voided' && context.voids < voidLimit,
  },
}).createMachine({
  id: 'run',
  context: ({ input }) => ({
    runId: input.runId,
    stopSignal: input.stopSignal,
    graceMs: input.graceMs,
    timeLimitMs: input.timeLimitMs,
    attempt: 1,
    voids: 0,
    slots: [],
    timeLimitAt: null,
    killAt: null,
    giveUpAt: null,
    stop: null,
    exit: null,
    outcome: null,
  }),
  initial: 'queued',
  states: {
    queued: {
      on: {
        'run.grant': {
          target: 'allocating',
          actions: { type: 'grant', params: ({ event }) => ({ slots: event.slots }) },
        },
        'run.stop': {
          target: 'done.cancelled',
          actions: { type: 'recordStop', params: ({ event }) => stopOf(event) },
        },
      },
    },

    allocating: {
      initial: 'preflight',
      on: {
        'run.stop': {
          target: 'stopping.releasing',
          actions: { type: 'recordStop', params: ({ event }) => stopOf(event) },
        },
        'effect.failed': {
          target: 'stopping.releasing',
          actions: { type: 'decide', params: ({ event }) => failedEffect(event) },
        },
      },
      states: {
        preflight: {
          invoke: {
            id: 'preflight',
            src: 'preflight',
            input: attempt,
            onError: {
              target: '#run.stopping.releasing',
              actions: { type: 'decide', params: effectFailed },
            },
          },
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
        },
        leasing: {
          invoke: {
            id: 'lease',
            src: 'lease',
            input: ({ context }) => ({
              runId: context.runId,
              attempt: context.attempt,
              slots: context.slots,
            }),
            onError: {
              target: '#run.stopping.releasing',
              actions: { type: 'decide', params: effectFailed },
            },
          },
          on: {
            'slots.leased': {
              target: '#run.running',
              actions: [
                { type: 'grant', params: ({ event }) => ({ slots: event.slots }) },
                { type: 'beginTimeLimit', params: ({ event }) => ({ now: event.now }) },
              ],
            },
            'slots.refused': { target: '#run.queued', actions: 'ungrant' },
          },
        },
      },
    },

    running: {
      initial: 'starting',
      invoke: [
        {
          id: 'watch',
          src: 'watch',
          input: attempt,
          onError: {
            target: 'stopping.killing',
            actions: { type: 'decide', params: effectFailed },
          },
        },
        {
          id: 'timeLimit',
          src: 'alarm',
          input: ({ context }) => ({ at: context.timeLimitAt, ring: 'limit.reached' as const }),
          onError: {
            target: 'stopping.killing',
            actions: { type: 'decide', params: effectFailed },
          },
        },
      ],
      on: {
        'run.stop': {
          target: 'stopping.terminating',
          actions: [
            { type: 'recordStop', params: ({ event }) => stopOf(event) },
            {
              type: 'beginGrace',
              params: ({ event }) => ({ now: event.now, skip: event.skipGrace }),
            },
          ],
        },
        'limit.reached': {
          target: 'stopping.terminating',
          actions: [
            {
              type: 'decide',
              params: ({ context }) => ({
                outcome: {
                  status: 'failed',
                  code: 'time_limit',
                  text: `passed its time limit of ${(context.timeLimitMs ?? 0) / 1000} s`,
                },
              }),
            },
            { type: 'beginGrace', params: ({ event }) => ({ now: event.now, skip: false }) },
          ],
        },
        'trainer.exited': {
          target: 'stopping.collecting',
          actions: [
            { type: 'recordExit', params: ({ event }) => ({ exit: event.exit }) },
            { type: 'decide', params: ({ event }) => ({ outcome: outcomeOf(event.exit) }) },
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
          actions: {
            type: 'decide',
            params: ({ event }) => ({ outcome: unobserved(event.text) }),
          },
        },
        'machine.rebooted': {
          target: 'stopping.collecting',
          actions: {
            type: 'decide',
            params: {
              outcome: {
                status: 'lost',
                code: 'machine_rebooted',
                text: 'the machine was restarted while it ran',
              },
            },
          },
        },
        'attempt.voided': {
          target: 'stopping.releasing',
          actions: { type: 'decide', params: { outcome: voided() } },
        },
        'effect.failed': {
          target: 'stopping.terminating',
          actions: { type: 'decide', params: ({ event }) => failedEffect(event) },
        },
      },
      states: {
        starting: {
          invoke: {
            id: 'launch',
            src: 'launch',
            input: attempt,
            onError: {
              target: '#run.stopping.terminating',
              actions: { type: 'decide', params: effectFailed },
            },
          },
          on: {
            'trainer.started': 'live',
            'launch.failed': {
              target: '#run.stopping.terminating',
              actions: {
                type: 'decide',
                params: ({ event }) => ({
                  outcome: { status: 'failed', code: event.code, text: event.text },
                }),
              },
            },
          },
        },
        live: { on: { 'worker.silent': 'silent' } },
        silent: { on: { 'worker.heard': 'live' } },
      },
    },

    stopping: {
      initial: 'terminating',
      on: {
        // Keeps who asked although another cause came first; it changes no state.
        'run.stop': { actions: { type: 'recordStop', params: ({ event }) => stopOf(event) } },
      },
      states: {
        terminating: {
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
              guard: ({ event }) => event.skipGrace,
              target: 'killing',
              actions: [
                { type: 'recordStop', params: ({ event }) => stopOf(event) },
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
              actions: {
                type: 'decide',
                params: ({ event }) => ({ outcome: unobserved(event.text) }),
              },
            },
            'machine.rebooted': 'collecting',
            'attempt.voided': {
              target: 'releasing',
              actions: { type: 'decide', params: { outcome: voided() } },
            },
            'effect.failed': 'killing',
          },
        },
        killing: {
          invoke: [
            {
              id: 'kill',
              src: 'kill',
              input: attempt,
              onError: {
                target: 'collecting',
                actions: { type: 'decide', params: effectFailed },
              },
            },
            {
              id: 'patience',
              src: 'alarm',
              input: ({ context }) => ({ at: context.giveUpAt, ring: 'kill.timed_out' as const }),
              onError: {
                target: 'collecting',
                actions: { type: 'decide', params: effectFailed },
              },
            },
          ],
          on: {
            'trainer.exited': {
              target: 'collecting',
              actions: { type: 'recordExit', params: ({ event }) => ({ exit: event.exit }) },
            },
            'trainer.vanished': {
              target: 'collecting',
              actions: {
                type: 'decide',
                params: ({ event }) => ({ outcome: unobserved(event.text) }),
              },
            },
            'machine.rebooted': 'collecting',
            'attempt.voided': {
              target: 'releasing',
              actions: { type: 'decide', params: { outcome: voided() } },
            },
            'kill.timed_out': {
              target: 'collecting',
              actions: {
                type: 'decide',
                params: {
                  outcome: {
                    status: 'failed',
                    code: 'unkillable',
                    text: 'a process of it survived SIGKILL',
                  },
                },
              },
            },
          },
        },
        collecting: {
          invoke: {
            id: 'collect',
            src: 'collect',
            input: attempt,
            onError: {
              target: 'releasing',
              actions: { type: 'decide', params: effectFailed },
            },
          },
          on: {
            'output.collected': 'releasing',
            'effect.failed': 'releasing',
            // A kill that was late: how it ended is known after all.
            'trainer.exited': {
              actions: { type: 'recordExit', params: ({ event }) => ({ exit: event.exit }) },
            },
          },
        },
        releasing: {
          invoke: { id: 'release', src: 'release', input: attempt, onError: '#run.done.failed' },
          on: {
            'slots.released': [
              { guard: 'mayTryAgain', target: '#run.queued', actions: 'nextAttempt' },
              { guard: 'stopAsked', target: '#run.done.cancelled' },
              ...(['completed', 'failed', 'rejected', 'lost'] as const).map((status) => ({
                guard: { type: 'isStatus' as const, params: { status } },
                target: `#run.done.${status}` as const,
              })),
              { target: '#run.done.failed' },
            ],
          },
        },
      },
    },

    done: {
      initial: 'failed',
      states: {
        completed: { type: 'final' },
        failed: { type: 'final' },
        cancelled: { type: 'final' },
        rejected: { type: 'final' },
        lost: { type: 'final' },
      },
    },
  },
});

function stopOf(event: { user: string; reason: string; at: string }): StopRequest {
  return { user: event.user, reason: event.reason, at: event.at };
}

function unobserved(text: string): Outcome {
  return { status: 'failed', code: 'exit_unobserved', text: `how it ended was not seen: ${text}` };
}

function voided(): Outcome {
  return { status: 'failed', code: 'voided', text: 'the attempt was given up before it started' };
}

function failedEffect(event: { effect: string; text: string }): { outcome: Outcome } {
  return {
    outcome: { status: 'failed', code: 'internal', text: `${event.effect}: ${event.text}` },
  };
}
