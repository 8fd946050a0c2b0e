import { useCallback, useMemo, useRef, useState } from 'react';
import { duration } from '../../../../src/units.ts';
import { Chart } from '../../chart/chart.tsx';
import { statusOf } from '../../data/state.ts';
import type { RunSummary } from '../../data/types.ts';
import { exact, useNow } from '../../ui/marks.tsx';
import { goTo, useMoment } from './cursor.ts';
import { type Step, stepAt } from './use-run.ts';

/** Where the run is at the shown moment, and how it got there. */
export function RunChart({ run, steps }: { run: RunSummary; steps: readonly Step[] }) {
  const [isWhole, setWhole] = useState(false);
  const seq = useMoment((moment) => stepAt(steps, moment)?.event.seq ?? 0);
  const at = useMoment((moment) => moment?.at ?? null);
  const now = useNow();
  const seen = useMemo(() => steps.filter(({ event }) => event.seq <= seq), [steps, seq]);
  const active = seen.at(-1)?.event.to ?? run.state;
  const status = statusOf(active);
  const last = Date.parse(seen.at(-1)?.event.at ?? '');
  const end = at ?? (run.finished_at === '' ? now : last);
  const times = timesText(seen, end);
  const lit = useMemo(
    () => ({
      active,
      status,
      steps: waysTaken(seen),
      notes: new Map(
        times === '' ? [] : times.split('\n').map((line) => line.split('\t') as [string, string]),
      ),
    }),
    [active, status, seen, times],
  );
  const wayTitle = useMemo(() => wayTitleOf(seen), [seen]);
  const toState = (state: string): void => {
    const entered = steps.findLast(
      ({ event: { to } }) => to === state || to.startsWith(`${state}.`),
    );
    if (entered !== undefined) goTo(Date.parse(entered.event.at), entered.event.seq);
  };
  const place = useRef<HTMLElement>(null);
  // The whole chart is larger than its place: it is moved to where the run is, once it is lit.
  const follow = useCallback(() => {
    const box = place.current;
    const states = box?.querySelectorAll<SVGGElement>('.state.active') ?? [];
    const state = [...states].at(-1)?.getBoundingClientRect();
    if (box === null || state === undefined) return;
    const outer = box.getBoundingClientRect();
    box.scrollBy({
      left: state.left + state.width / 2 - outer.left - outer.width / 2,
      top: state.top + state.height / 2 - outer.top - outer.height / 2,
    });
  }, []);
  return (
    <section ref={place} className={isWhole ? 'run-chart whole' : 'run-chart'} aria-label="chart">
      <Chart
        name={isWhole ? 'run' : 'run-overview'}
        label={`chart of the run: ${active}`}
        lit={lit}
        onState={toState}
        {...(isWhole ? { onLit: follow } : {})}
        wayTitle={wayTitle}
      />
      <button
        type="button"
        className="button bare whole-button"
        aria-pressed={isWhole}
        onClick={() => setWhole(!isWhole)}
      >
        {isWhole ? 'overview' : 'all states'}
      </button>
    </section>
  );
}

/** Each way once: a run that was paused a thousand times took few of them. */
function waysTaken(seen: readonly Step[]) {
  const ways = new Map<string, { event: string; from: string; to: string; times: number }>();
  for (const {
    event: { event, from, to },
  } of seen) {
    const key = `${event} ${from} ${to}`;
    const way = ways.get(key) ?? { event, from, to, times: 0 };
    way.times += 1;
    ways.set(key, way);
  }
  return [...ways.values()];
}

/** A line for each state that it was in: how often, and for how long. Text, so that equal ones are equal. */
function timesText(seen: readonly Step[], end: number): string {
  const totals = new Map<string, { ms: number; times: number }>();
  seen.forEach(({ event }, index) => {
    const next = seen[index + 1];
    const until = next === undefined ? end : Date.parse(next.event.at);
    const isEntered = event.from !== event.to;
    for (const state of around(event.to)) {
      const total = totals.get(state) ?? { ms: 0, times: 0 };
      const isNew = isEntered && !around(event.from).includes(state);
      totals.set(state, {
        ms: total.ms + Math.max(0, until - Date.parse(event.at)),
        times: total.times + (isNew ? 1 : 0),
      });
    }
  });
  return [...totals]
    .filter(([state]) => !state.startsWith('done') && !['running'].includes(state))
    .map(([state, { ms, times }]) => `${state}\t${times > 1 ? `${times}× ` : ''}${duration(ms)}`)
    .join('\n');
}

function around(state: string): string[] {
  const parts = state.split('.').filter((part) => part !== '');
  return parts.map((_, index) => parts.slice(0, index + 1).join('.'));
}

function wayTitleOf(seen: readonly Step[]) {
  return ({
    from,
    to,
    events,
  }: {
    from: string;
    to: string;
    events: readonly string[];
  }): string => {
    const within = (state: string, outer: string) =>
      state === outer || state.startsWith(`${outer}.`);
    const last = seen.findLast(
      ({ event }) =>
        events.includes(event.event) && within(event.from, from) && within(event.to, to),
    );
    const taken = last === undefined ? 'not taken' : `taken last at ${exact(last.event.at)}`;
    return `${from} → ${to}\n${events.join('\n')}\n${taken}`;
  };
}
