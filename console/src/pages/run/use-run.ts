/** What is known of one run: summary, configuration, and its steps, as they come. */
import { useEffect, useState } from 'react';
import { ApiError, ask } from '../../data/api.ts';
import type { RunDetails, RunSummary, Transition } from '../../data/types.ts';
import { hear, take, useYard } from '../../data/yard.ts';

export type Step = Transition & { event: NonNullable<Transition['event']> };
export type RunKnown = {
  run: RunSummary;
  details: RunDetails;
  /** In order; what came this moment has no context yet. */
  steps: readonly Step[];
};
export type RunState = { known: RunKnown | null; error: ApiError | null; isRemoved: boolean };

/** The steps are asked for anew this long after an event: what the chart knew then comes with them. */
const settleMs = 250;
/** Of a run with very many events they are long in coming: they are asked for for this share of the time at most. */
const askedShare = 0.1;

/** `ref`: an id, a prefix, a name or @last. */
export function useRun(ref: string): RunState {
  const [details, setDetails] = useState<RunDetails | null>(null);
  const [steps, setSteps] = useState<readonly Step[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const id = details?.run?.run_id ?? '';
  const summary = useYard(({ runs }) => runs.get(id));
  const isRemoved = useYard(({ removed }) => removed.has(id));
  // After a break of the line what failed is tried again.
  const isLost = useYard(({ lostSince }) => lostSince !== null);

  useEffect(() => {
    if (isLost) return;
    const controller = new AbortController();
    const { signal } = controller;
    ask('GET /api/runs/:run', { params: { run: ref }, signal }).then(
      (found) => {
        if (found.run !== null) take([found.run]);
        setDetails(found);
        setError(null);
      },
      (failure) => {
        if (!signal.aborted && failure instanceof ApiError) setError(failure);
      },
    );
    return () => controller.abort();
  }, [ref, isLost]);

  useEffect(() => {
    if (id === '' || isLost) return;
    const controller = new AbortController();
    const { signal } = controller;
    let timer: number | undefined;
    let waitMs = settleMs;
    let isLoading = false;
    /** Something came that the newest answer lacks. */
    let isDue = false;
    const plan = (): void => {
      isDue = true;
      if (!isLoading) timer ??= window.setTimeout(() => void load(true), waitMs);
    };
    const load = async (again: boolean): Promise<void> => {
      timer = undefined;
      isDue = false;
      isLoading = true;
      const params = { run: id };
      const fromMs = performance.now();
      try {
        const [{ transitions }, found] = await Promise.all([
          ask('GET /api/runs/:run/transitions', { params, signal }),
          // Attempts come with events too; at first they are asked for above.
          again ? ask('GET /api/runs/:run', { params, signal }) : null,
        ]);
        if (found !== null) setDetails(found);
        setSteps((before) => merged(before, transitions.filter(isStep)));
      } catch {
        // The next event asks again, and so does the end of a break.
      }
      waitMs = Math.max(settleMs, (performance.now() - fromMs) / askedShare);
      isLoading = false;
      if (isDue && !signal.aborted) plan();
    };
    void load(false);
    const end = hear(id, (events) => {
      const more = events.map((event): Step => ({ event, context_json: '', begun: [], ended: [] }));
      setSteps((before) => {
        const last = before.at(-1)?.event.seq ?? 0;
        return [...before, ...more.filter(({ event }) => event.seq > last)];
      });
      plan();
    });
    return () => {
      controller.abort();
      window.clearTimeout(timer);
      end();
    };
  }, [id, isLost]);

  const run = summary ?? details?.run ?? null;
  const known = details === null || run === null ? null : { run, details, steps };
  return { known, error, isRemoved };
}

/** What was loaded, and what came since; those that are as they were stay the same objects. */
function merged(before: readonly Step[], loaded: readonly Step[]): readonly Step[] {
  const last = loaded.at(-1)?.event.seq ?? 0;
  const kept = loaded.map((step, index) => {
    const known = before[index];
    const isSame = known?.event.seq === step.event.seq && known.context_json === step.context_json;
    return isSame ? known : step;
  });
  return [...kept, ...before.filter(({ event }) => event.seq > last)];
}

function isStep(transition: Transition): transition is Step {
  return transition.event !== null;
}

/** The last step at a moment; the last of all for null. */
export function stepAt(
  steps: readonly Step[],
  moment: { at: number; seq: number | null } | null,
): Step | undefined {
  if (moment === null) return steps.at(-1);
  if (moment.seq !== null) return steps.find(({ event }) => event.seq === moment.seq);
  return steps.findLast(({ event }) => Date.parse(event.at) <= moment.at);
}
