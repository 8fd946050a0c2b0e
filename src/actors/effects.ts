/**
 * The effects of the run chart, injected with `.provide`. Each is idempotent by (run, attempt, effect):
 * a restored chart starts it again, and it finds what was done already.
 */
import { fromCallback } from 'xstate';
import type { AttemptSpec, Executor } from '../executors/index.ts';
import {
  type AttemptInput,
  type Instant,
  msUntil,
  type RunEvent,
  runMachine,
} from '../machines/index.ts';
import type { Clock } from '../telemetry/index.ts';

export type EffectDeps = {
  clock: Clock;
  executor: Executor;
  /** Every reason why the run cannot start here; empty when it can. */
  preflight: (runId: string) => Promise<string[]>;
  /** All or none; false when a slot is held by somebody else. */
  lease: (input: AttemptInput, slots: readonly string[]) => boolean;
  spec: (input: AttemptInput) => Promise<AttemptSpec>;
  /** Frees slots, directories and locks of the attempt. Throws when it has to be tried again. */
  release: (input: AttemptInput) => Promise<void>;
};

/** Longest delay of one timer: longer ones would overflow and fire at once. */
const timerMaxMs = 2 ** 30;
/** For alarms whose cause had no clock at hand. */
const defaultAlarmMs = 10_000;
const releaseRetryMs = 500;

/** The run chart with real effects. */
export function provideRun(deps: EffectDeps): typeof runMachine {
  const { clock, executor } = deps;
  return runMachine.provide({
    actors: {
      preflight: effect('preflight', async ({ runId }: AttemptInput) => {
        const reasons = await deps.preflight(runId);
        return reasons.length === 0
          ? { type: 'preflight.passed' }
          : { type: 'preflight.failed', code: 'preflight_failed', text: reasons.join('; ') };
      }),
      lease: effect('lease', async (input: AttemptInput & { slots: readonly string[] }) =>
        deps.lease(input, input.slots)
          ? { type: 'slots.leased', slots: input.slots, now: clock.now() }
          : { type: 'slots.refused', text: 'a slot was taken meanwhile' },
      ),
      launch: effect('launch', async (input: AttemptInput, signal) => {
        await executor.launch(await deps.spec(input), signal);
        return null;
      }),
      watch: effect('watch', async ({ runId, attempt }: AttemptInput) => {
        // While `starting`, it is `launch` that attaches: before it, there may be nothing to look after.
        executor.attachLaunched(runId, attempt);
        return null;
      }),
      terminate: effect('terminate', async (input: AttemptInput & { signal: string }) => {
        executor.wish(input.runId, input.attempt, { kind: 'terminate', signal: input.signal });
        return null;
      }),
      kill: effect('kill', async ({ runId, attempt }: AttemptInput) => {
        executor.wish(runId, attempt, { kind: 'kill' });
        return null;
      }),
      collect: effect('collect', async ({ runId, attempt }: AttemptInput) => {
        executor.attach(runId, attempt);
        return null;
      }),
      release: effect('release', async (input: AttemptInput, signal) => {
        for (;;) {
          try {
            executor.detach(input.runId, input.attempt);
            await deps.release(input);
            return { type: 'slots.released' };
          } catch (error) {
            if (signal.aborted) throw error;
            await new Promise((resolve) => setTimeout(resolve, releaseRetryMs));
          }
        }
      }),
      alarm: fromCallback<
        RunEvent,
        { at: Instant | null; ring: 'limit.reached' | 'grace.ended' | 'kill.timed_out' }
      >(({ input, sendBack }) => alarm(clock, input, sendBack)),
    },
  });
}

/** An effect as an invoked actor: its fact is sent back unless the state was left meanwhile. */
function effect<TInput>(
  name: string,
  act: (input: TInput, signal: AbortSignal) => Promise<RunEvent | null>,
) {
  return fromCallback<RunEvent, TInput>(({ input, sendBack }) => {
    const controller = new AbortController();
    const { signal } = controller;
    act(input, signal).then(
      (fact) => {
        if (fact !== null && !signal.aborted) sendBack(fact);
      },
      (error: unknown) => {
        if (!signal.aborted) {
          sendBack({ type: 'effect.failed', effect: name, text: textOf(error) });
        }
      },
    );
    return () => controller.abort();
  });
}

function alarm(
  clock: Clock,
  input: { at: Instant | null; ring: 'limit.reached' | 'grace.ended' | 'kill.timed_out' },
  sendBack: (event: RunEvent) => void,
): () => void {
  const { at, ring } = input;
  if (at === null && ring === 'limit.reached') return () => undefined;
  const due = at ?? { ...clock.now(), mono_ms: clock.now().mono_ms + defaultAlarmMs };
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const left = msUntil(due, clock.now());
    if (left > 0) timer = setTimeout(wait, Math.min(left, timerMaxMs));
    else if (ring === 'kill.timed_out') sendBack({ type: ring });
    else sendBack({ type: ring, now: clock.now() });
  };
  timer = setTimeout(wait, 0);
  return () => clearTimeout(timer);
}

/** The message of an error with those of its causes. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${textOf(error.cause)}`;
}
