import { useEffect, useState } from 'react';
import { ApiError, ask, errorText } from '../../data/api.ts';
import type { RunPlan, Violation } from '../../data/types.ts';
import { useYard } from '../../data/yard.ts';

/** Nothing is asked while somebody types. */
const settleMs = 300;

export type Plan =
  | { state: 'nothing' }
  | { state: 'asking' }
  | { state: 'planned'; plan: RunPlan }
  | { state: 'invalid'; text: string; violations: readonly Violation[] }
  | { state: 'unknown'; text: string };

/** What would become of a submit of this configuration, as one types; asked again when the yard changes. */
export function usePlan(config: string): Plan {
  const [plan, setPlan] = useState<Plan>({ state: 'nothing' });
  // What is free, and who waits, is a reason to ask again.
  const room = useYard(({ health }) =>
    health === null
      ? ''
      : [health.runs_live, health.runs_queued, health.gpus_free, health.drained].join(),
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: another room is another answer
  useEffect(() => {
    if (config === '') {
      setPlan({ state: 'nothing' });
      return;
    }
    const controller = new AbortController();
    const { signal } = controller;
    const timer = window.setTimeout(() => {
      setPlan((before) => (before.state === 'nothing' ? { state: 'asking' } : before));
      ask('POST /api/plan', { body: { config: JSON.parse(config) as object }, signal }).then(
        (found) => setPlan({ state: 'planned', plan: found }),
        (error) => !signal.aborted && setPlan(failed(error)),
      );
    }, settleMs);
    return () => {
      controller.abort();
      window.clearTimeout(timer);
    };
  }, [config, room]);
  return plan;
}

export function failed(error: unknown): Plan {
  const isInvalid = error instanceof ApiError && error.violations.length > 0;
  if (!isInvalid) return { state: 'unknown', text: errorText(error) };
  // Over HTTP a field of the body is told with the body's own name before it.
  const violations = error.violations.map((each) => ({
    ...each,
    field: each.field.replace(/^\/config(?=\/)/, ''),
  }));
  return { state: 'invalid', text: error.message, violations };
}
