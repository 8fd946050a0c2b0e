/** What came, one after the other; and of one of them all that is known. */
import { memo, useEffect, useRef } from 'react';
import type { RunSummary } from '../../data/types.ts';
import { exact, Id } from '../../ui/marks.tsx';
import { goTo, useMoment } from './cursor.ts';
import { type Step, stepAt } from './use-run.ts';

export function Events({ run, steps }: { run: RunSummary; steps: readonly Step[] }) {
  const seq = useMoment((moment) => stepAt(steps, moment)?.event.seq ?? 0);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    // With the frame, which lays out the page once for all that changed.
    const frame = requestAnimationFrame(() =>
      list.current?.querySelector(`[data-seq="${seq}"]`)?.scrollIntoView({ block: 'nearest' }),
    );
    return () => cancelAnimationFrame(frame);
  }, [seq]);
  const step = steps.find(({ event }) => event.seq === seq);
  return (
    <div className="events">
      <ol ref={list} aria-label="events" className="event-list">
        {steps.map(({ event }) => (
          <Line key={event.seq} event={event} isShown={event.seq === seq} />
        ))}
      </ol>
      {step === undefined ? null : (
        <StepShown run={run} step={step} before={steps[steps.indexOf(step) - 1]} />
      )}
    </div>
  );
}

/** What has happened does not change: of many only those that are shown, or no longer, are made anew. */
const Line = memo(
  function Line({ event, isShown }: { event: Step['event']; isShown: boolean }) {
    return (
      <li data-seq={event.seq}>
        <button
          type="button"
          aria-current={isShown ? 'step' : undefined}
          onClick={() => goTo(Date.parse(event.at), event.seq)}
        >
          <time title={exact(event.at)}>{exact(event.at).slice(11)}</time>
          <span className="quiet number">{event.seq}</span>
          <strong className="cut">{event.event}</strong>
          <span className="cut quiet">{wayText(event)}</span>
        </button>
      </li>
    );
  },
  (a, b) => a.event.seq === b.event.seq && a.isShown === b.isShown,
);

function wayText({ from, to }: Step['event']): string {
  return from === to ? to : from === '' ? `→ ${to}` : `${from} → ${to}`;
}

function StepShown(props: { run: RunSummary; step: Step; before: Step | undefined }) {
  const { run, step, before } = props;
  const { event, context_json: json, begun, ended } = step;
  const detail = parsed(event.detail_json);
  const context = parsed(json);
  const earlier = parsed(before?.context_json ?? '');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keys too
    <section className="event-shown" aria-label={`event ${event.seq}`} tabIndex={0}>
      <h2>
        {event.event} <span className="quiet">#{event.seq}</span>
      </h2>
      <p className="quiet">
        {exact(event.at)} · {wayText(event)}
      </p>
      <Facts facts={detail} empty="" />
      {begun.length === 0 ? null : <p>began: {begun.join(', ')}</p>}
      {ended.length === 0 ? null : <p>ended: {ended.join(', ')}</p>}
      <h3>What the chart knew then</h3>
      <Facts
        facts={context}
        before={before === undefined ? undefined : earlier}
        empty="nothing is told so far"
      />
      {run.trace_id === '' ? null : (
        <p className="quiet">
          trace <Id id={run.trace_id} length={32} />
        </p>
      )}
    </section>
  );
}

/** What differs from before is strong. */
function Facts(props: {
  facts: Record<string, unknown>;
  before?: Record<string, unknown> | undefined;
  empty: string;
}) {
  const { facts, before, empty } = props;
  const entries = Object.entries(facts).filter(([, value]) => value !== null && value !== '');
  if (entries.length === 0) return empty === '' ? null : <p className="quiet">{empty}</p>;
  return (
    <dl className="facts">
      {entries.map(([name, value]) => {
        const text = typeof value === 'string' ? value : JSON.stringify(value, null, 1);
        const isNew =
          before !== undefined && JSON.stringify(before[name]) !== JSON.stringify(value);
        return (
          <div key={name} className={isNew ? 'new' : ''}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        );
      })}
    </dl>
  );
}

function parsed(json: string): Record<string, unknown> {
  try {
    return JSON.parse(json || '{}') as Record<string, unknown>;
  } catch {
    return {};
  }
}
