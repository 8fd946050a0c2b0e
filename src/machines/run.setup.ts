/** The vocabulary of the run chart: the effects that it invokes, what it assigns, what it asks. */
import { assign, fromCallback, setup } from 'xstate';
import { after, type Instant } from './instant.ts';
import { backoffOf, endText, wantsRetry } from './run.retry.ts';
import type {
  Alarm,
  AttemptInput,
  Outcome,
  RunContext,
  RunEvent,
  RunInput,
  StopRequest,
  TrainerExit,
} from './run.types.ts';

/** How long it may take until a worker has started the trainer. */
const startPatienceMs = 120_000;
/** How often an attempt may be voided before the run fails: it never ran, so retrying is safe. */
const voidLimit = 3;

/** Default of every injected effect: a forgotten `.provide` must be loud. */
function notProvided(name: string): never {
  throw new Error(`run machine: actor "${name}" was not provided`);
}

/** The input that most effects need. */
export const attempt = ({ context }: { context: RunContext }): AttemptInput => ({
  runId: context.runId,
  attempt: context.attempt,
});
/** For `onError` of an invoke: the effect itself crashed. */
export const effectFailed = ({ event }: { event: { error: unknown } }): { outcome: Outcome } => ({
  outcome: { status: 'failed', code: 'internal', text: String(event.error) },
});

/** It never began, and has not been given up too often. */
const isVoided = ({ outcome, voids }: RunContext): boolean =>
  outcome?.code === 'voided' && voids < voidLimit;

/** What the next attempt begins with; what people said of the run stays. */
const afresh = {
  attempt: ({ context }: { context: RunContext }) => context.attempt + 1,
  slots: () => [],
  outcome: () => null,
  exit: () => null,
  cause: () => null,
  pause: () => null,
  timeLimitAt: () => null,
  startBy: () => null,
  killAt: () => null,
  giveUpAt: () => null,
  notBefore: () => null,
};

export const runSetup = setup({
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
    pause: fromCallback<RunEvent, AttemptInput>(() => notProvided('pause')),
    resume: fromCallback<RunEvent, AttemptInput>(() => notProvided('resume')),
    terminate: fromCallback<RunEvent, AttemptInput & { signal: string }>(() =>
      notProvided('terminate'),
    ),
    kill: fromCallback<RunEvent, AttemptInput>(() => notProvided('kill')),
    collect: fromCallback<RunEvent, AttemptInput>(() => notProvided('collect')),
    release: fromCallback<RunEvent, AttemptInput & { quarantine: boolean }>(() =>
      notProvided('release'),
    ),
    alarm: fromCallback<RunEvent, { at: Instant | null; ring: Alarm }>(() => notProvided('alarm')),
  },
  actions: {
    grant: assign({ slots: (_, params: { slots: readonly string[] }) => params.slots }),
    ungrant: assign({ slots: () => [] }),
    beginDeadlines: assign({
      timeLimitAt: ({ context }, params: { now: Instant }) =>
        context.timeLimitMs === null ? null : after(params.now, context.timeLimitMs),
      startBy: (_, params: { now: Instant }) => after(params.now, startPatienceMs),
    }),
    // The first cause wins: a stop that comes after the end was decided changes nothing.
    recordStop: assign({
      stop: ({ context }, params: StopRequest) =>
        context.stop ?? (context.outcome === null ? params : null),
    }),
    // What was to be tried again is not, once somebody does not want it any more.
    recordLateStop: assign({
      lateStop: ({ context }, params: StopRequest) =>
        context.lateStop ??
        (context.stop === null &&
        context.outcome !== null &&
        (context.retry !== null || context.outcome.code === 'voided')
          ? params
          : null),
    }),
    recordHold: assign({ hold: (_, params: StopRequest) => params }),
    forgetHold: assign({ hold: () => null }),
    recordPause: assign({ pause: (_, params: StopRequest) => params }),
    forgetPause: assign({ pause: () => null }),
    beginGrace: assign({
      killAt: ({ context }, params: { now: Instant; skip: boolean }) =>
        after(params.now, params.skip ? 0 : context.graceMs),
    }),
    beginKill: assign({
      giveUpAt: ({ context }, params: { now: Instant }) =>
        after(params.now, context.killPatienceMs),
    }),
    recordExit: assign({ exit: (_, params: { exit: TrainerExit }) => params.exit }),
    // The first cause wins: a time limit stays one although the trainer then dies of SIGTERM.
    decide: assign({
      outcome: ({ context }, params: { outcome: Outcome }) => context.outcome ?? params.outcome,
    }),
    // What does not die is told whatever the first cause was: its GPUs stay set aside for that reason.
    overrule: assign({ outcome: (_, params: { outcome: Outcome }) => params.outcome }),
    nextAttempt: assign({ ...afresh, voids: ({ context }) => context.voids + 1 }),
    retryLater: assign({
      ...afresh,
      voids: () => 0,
      retries: ({ context }) => context.retries + 1,
      notBefore: ({ context: { retry, retries } }, params: { now: Instant }) =>
        retry === null ? null : after(params.now, backoffOf(retry, retries)),
      last: ({ context: { attempt, outcome, cause } }) =>
        outcome === null
          ? null
          : {
              attempt,
              status: outcome.status,
              code: outcome.code,
              text: endText(outcome, cause),
            },
    }),
    recordCause: assign({
      cause: (_, params: { cause: RunContext['cause'] }) => params.cause,
    }),
    // Who came too late for the attempt came in time for the next one.
    callOff: assign({ stop: ({ context }) => context.stop ?? context.lateStop }),
  },
  guards: {
    skipsGrace: ({ event }) => event.type === 'run.stop' && event.skipGrace,
    stopAsked: ({ context }) =>
      context.stop !== null ||
      (context.lateStop !== null && (isVoided(context) || wantsRetry(context))),
    mayRetry: ({ context }) =>
      context.stop === null && context.lateStop === null && wantsRetry(context),
    isStatus: ({ context }, params: { status: string }) =>
      context.outcome?.status === params.status,
    isUnkillable: ({ context }) => context.outcome?.code === 'unkillable',
    mayTryAgain: ({ context }) =>
      context.stop === null && context.lateStop === null && isVoided(context),
  },
});
