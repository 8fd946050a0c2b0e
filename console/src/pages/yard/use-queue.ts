import { useEffect, useMemo, useState } from 'react';
import { ask } from '../../data/api.ts';
import type { RunSummary, TrainRunConfig } from '../../data/types.ts';
import { subscribe, useYard } from '../../data/yard.ts';

/** Of one subscription. */
const watchedMost = 100;

/** Null: not asked for so far. */
export type Waiting = { run: RunSummary; priority: number | null };
export type QueueState = { rows: readonly Waiting[]; more: number };

/** Runs that wait, in the order in which they would start: priority, then the earlier submit. Live. */
export function useQueue(): QueueState {
  const runs = useYard((state) => state.runs);
  const [priorities, setPriorities] = useState<ReadonlyMap<string, number>>(new Map());
  const all = useMemo(() => {
    const waiting = [...runs.values()].filter(({ status }) => status === 'queued');
    const of = ({ run_id: id }: RunSummary): number => priorities.get(id) ?? 0;
    return waiting.sort(
      (a, b) => of(b) - of(a) || order(a.submitted_at, b.submitted_at) || order(a.run_id, b.run_id),
    );
  }, [runs, priorities]);
  const shown = useMemo(() => all.slice(0, watchedMost), [all]);
  const ids = shown.map(({ run_id: id }) => id).join(',');
  // Why one waits changes without an event of it.
  useEffect(() => {
    if (ids === '') return;
    return subscribe({ wish: () => ({ kind: 'runs', runs: ids.split(',') }) });
  }, [ids]);
  // The summary has no priority, and a configuration never changes.
  useEffect(() => {
    const missing = ids.split(',').filter((id) => id !== '' && !priorities.has(id));
    if (missing.length === 0) return;
    // Answers that come late are true all the same.
    void Promise.all(missing.map(priorityOf)).then((found) => {
      const told = found.filter((each) => each !== null);
      if (told.length > 0) setPriorities((before) => new Map([...before, ...told]));
    });
  }, [ids, priorities]);
  return {
    rows: shown.map((run) => ({ run, priority: priorities.get(run.run_id) ?? null })),
    more: all.length - shown.length,
  };
}

async function priorityOf(id: string): Promise<readonly [string, number] | null> {
  try {
    const { config_json: text } = await ask('GET /api/runs/:run', { params: { run: id } });
    return [id, (JSON.parse(text) as TrainRunConfig).priority ?? 0];
  } catch {
    // It was removed, or the line is down: it is asked for again when the list changes.
    return null;
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
