/** Which runs are compared, what is known of their metrics, and the points of one metric of all of them. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { addBatch, noPoints, type Points } from '../../curves/points.ts';
import { ask, errorText } from '../../data/api.ts';
import type { MetricKey, RunSummary } from '../../data/types.ts';
import { take, useYard } from '../../data/yard.ts';

export const runsMost = 50;
const againMs = 3000;
/** Points may come so long after the end of their run. */
const settleMs = 30_000;
const thin = 400;
/** With more than this the history is thinned anew. */
const pointsMost = 5000;
const asksAtOnce = 6;

/** `runs`: names, ids; `group`: all of one. What cannot be found is told in `error`. */
export function useRuns(
  names: string,
  group: string,
): { runs: readonly RunSummary[]; total: number; isLoaded: boolean; error: string } {
  const known = useYard((state) => state.runs);
  const isLost = useYard(({ lostSince }) => lostSince !== null);
  const [found, setFound] = useState<{ of: string; ids: string[]; error: string } | null>(null);
  const of = `${group}\n${names}`;
  useEffect(() => {
    if (isLost) return;
    const { signal, abort } = abortable();
    const load = async (): Promise<void> => {
      const wanted = names.split(',').filter((name) => name !== '');
      const groups = [group, ...wanted.filter(isGroup).map((name) => name.slice(2))];
      const lists = await Promise.all([
        ...groups
          .filter((name) => name !== '')
          .map((name) =>
            ask('GET /api/runs', { query: { all: true, group: name, limit: 1000 }, signal }).then(
              ({ runs }) =>
                runs.length === 0 ? [`there is no run of the group ${name}`] : newestOf(runs),
            ),
          ),
        ...wanted
          .filter((name) => !isGroup(name))
          .map((run) =>
            ask('GET /api/runs/:run', { params: { run }, signal }).then(
              (details) => (details.run === null ? [] : [details.run]),
              (error) => [errorText(error)],
            ),
          ),
      ]);
      const all = lists.flat();
      const runs = all.filter((each) => typeof each !== 'string');
      take(runs);
      const error = all.filter((each) => typeof each === 'string').join('; ');
      setFound({ of, ids: [...new Set(runs.map(({ run_id: id }) => id))], error });
    };
    load().catch((error) => {
      if (!signal.aborted) setFound({ of, ids: [], error: errorText(error) });
    });
    return abort;
  }, [names, group, of, isLost]);
  const ids = found?.of === of ? found.ids : null;
  const last = useRef<readonly RunSummary[]>([]);
  const runs = useMemo(() => {
    const next = (ids ?? []).slice(0, runsMost).flatMap((id) => known.get(id) ?? []);
    // The list stays the same object while none of its runs has changed.
    const isSame =
      next.length === last.current.length && next.every((run, at) => run === last.current[at]);
    if (!isSame) last.current = next;
    return last.current;
  }, [ids, known]);
  return { runs, total: ids?.length ?? 0, isLoaded: ids !== null, error: found?.error ?? '' };
}

/** A run of a group that was retried counts no longer: what came of it is its retry. */
function newestOf(runs: readonly RunSummary[]): RunSummary[] {
  const retried = new Set(runs.map(({ retry_of: of }) => of));
  return runs.filter(({ run_id: id }) => !retried.has(id));
}

function isGroup(name: string): boolean {
  return name.startsWith('g:');
}

function abortable(): { signal: AbortSignal; abort(): void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** Asked for again while one of the runs lives, and once after the last has ended. */
export function useMetricKeys(runs: readonly RunSummary[]): readonly MetricKey[] | null {
  const [keys, setKeys] = useState<readonly MetricKey[] | null>(null);
  const ids = runs.map(({ run_id: id }) => id).join(',');
  const live = runs.filter(({ finished_at: at }) => at === '').length;
  const isLost = useYard(({ lostSince }) => lostSince !== null);
  useEffect(() => {
    if (ids === '' || isLost) return;
    const { signal, abort } = abortable();
    const load = (): void => {
      ask('GET /api/metric-keys', { query: { runs: ids }, signal }).then(
        (found) => setKeys(found.keys),
        () => undefined,
      );
    };
    load();
    // What was last counted of a run comes a moment after its end.
    const timer = live > 0 ? window.setInterval(load, againMs) : window.setTimeout(load, againMs);
    return () => {
      abort();
      window.clearInterval(timer);
    };
  }, [ids, live, isLost]);
  return keys;
}

type Held = { attempt: number; points: Points; next: number; isWhole: boolean };

/** By run; a component of its own for each `key`. `version` changes with any of them. Points of runs that live are asked for as they go on. */
export function useManyPoints(
  runs: readonly RunSummary[],
  key: string,
): { of: ReadonlyMap<string, Points>; version: number } {
  const [version, setVersion] = useState(0);
  const held = useRef(new Map<string, Held>());
  const last = useRef(runs);
  last.current = runs;
  const ids = runs.map(({ run_id: id, attempt }) => `${id}.${attempt}`).join(',');
  const isLost = useYard(({ lostSince }) => lostSince !== null);
  useEffect(() => {
    if (ids === '' || isLost) return;
    const { signal, abort } = abortable();
    let timer: number | undefined;
    const round = async (): Promise<void> => {
      const waiting = last.current.filter((run) => {
        const own = held.current.get(run.run_id);
        return own?.isWhole !== true || own.attempt !== run.attempt;
      });
      const one = async (): Promise<void> => {
        for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
          if (await goOn(held.current, run, key, signal)) setVersion((before) => before + 1);
        }
      };
      await Promise.all(Array.from({ length: asksAtOnce }, one));
      timer = window.setTimeout(again, againMs);
    };
    const again = (): void => {
      round().catch(() => {
        // It is down for a moment: the next round asks again.
        if (!signal.aborted) timer = window.setTimeout(again, againMs);
      });
    };
    again();
    return () => {
      abort();
      window.clearTimeout(timer);
    };
  }, [ids, key, isLost]);
  const of = useMemo(() => {
    void version;
    return new Map([...held.current].map(([id, { points }]) => [id, points]));
  }, [version]);
  return { of, version };
}

/** Takes what is new of a run. Resolves to whether there was any. */
async function goOn(
  held: Map<string, Held>,
  run: RunSummary,
  key: string,
  signal: AbortSignal,
): Promise<boolean> {
  const before = held.get(run.run_id);
  const isNew =
    before === undefined ||
    before.attempt !== run.attempt ||
    before.points.seqs.length > pointsMost;
  const own = isNew
    ? { attempt: run.attempt, points: noPoints(), next: 1, isWhole: false }
    : before;
  const isOver = run.finished_at !== '' && Date.now() - Date.parse(run.finished_at) > settleMs;
  const count = own.points.seqs.length;
  for (let more = true; more; ) {
    const query = {
      key,
      attempt: own.attempt,
      from_seq: own.next,
      ...(own.next === 1 ? { thin } : {}),
    };
    const got = await ask('GET /api/runs/:run/metrics', {
      params: { run: run.run_id },
      query,
      signal,
    });
    const thinned = got.thin_width > 0 ? { width: got.thin_width, points: got.points_there } : null;
    addBatch(own.points, { ...got, thinned });
    own.next = got.next_seq;
    more = got.more;
  }
  own.isWhole = isOver;
  held.set(run.run_id, own);
  return isNew || own.points.seqs.length > count;
}
