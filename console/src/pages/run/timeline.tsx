/** The run's life from left to right, in its states; the cursor is dragged along it. */
import { type PointerEvent, useRef } from 'react';
import { duration } from '../../../../src/units.ts';
import { statusOf } from '../../data/state.ts';
import type { RunSummary } from '../../data/types.ts';
import { exact, useNow } from '../../ui/marks.tsx';
import { goLive, goTo, useMoment } from './cursor.ts';
import { type Step, stepAt } from './use-run.ts';

/** Nearer than this to the right edge of a live run is now. */
const liveShare = 0.995;
const keyShare = 0.01;
/** Of the bar: what is narrower, or nearer to the tick before, is about a pixel and not drawn by itself. */
const leastShare = 0.001;

export function Timeline({ run, steps }: { run: RunSummary; steps: readonly Step[] }) {
  const now = useNow();
  const moment = useMoment((each) => each);
  const place = useRef<HTMLDivElement>(null);
  const start = Date.parse(steps[0]?.event.at ?? run.submitted_at);
  const last = Date.parse(steps.at(-1)?.event.at ?? '') || start;
  const isOver = run.finished_at !== '';
  const end = Math.max(isOver ? last : Math.max(now, last), start + 1);
  const share = (ms: number): number => Math.min(1, Math.max(0, (ms - start) / (end - start)));
  const percent = (part: number): string => `${(part * 100).toFixed(3)}%`;
  const at = moment?.at ?? end;
  const go = (part: number): void => {
    if (part >= liveShare) goLive();
    else goTo(Math.round(start + Math.max(0, part) * (end - start)));
  };
  const drag = ({ clientX, buttons, currentTarget, pointerId, type }: PointerEvent): void => {
    const box = place.current?.getBoundingClientRect();
    if (box === undefined || (type === 'pointermove' && buttons === 0)) return;
    if (type === 'pointerdown') currentTarget.setPointerCapture(pointerId);
    go((clientX - box.left) / box.width);
  };
  const step = stepAt(steps, moment);
  const said = moment === null ? (isOver ? 'the end' : 'live') : exact(moment.at).slice(11);
  return (
    <section className="timeline" aria-label="timeline">
      <div
        ref={place}
        className="bar"
        role="slider"
        tabIndex={0}
        aria-label="moment"
        aria-valuemin={start}
        aria-valuemax={end}
        aria-valuenow={at}
        aria-valuetext={`${said}: ${step?.event.to ?? run.state}`}
        onPointerDown={drag}
        onPointerMove={drag}
        onKeyDown={(event) => {
          const by =
            event.key === 'ArrowLeft' ? -keyShare : event.key === 'ArrowRight' ? keyShare : 0;
          if (by !== 0) go(share(at) + by);
          else if (event.key === 'Home') go(0);
          else if (event.key === 'End') goLive();
          else return;
          event.preventDefault();
        }}
      >
        {segments(steps, end, (end - start) * leastShare).map(({ from, to, state, seq }) => (
          <div
            key={seq}
            className="segment"
            data-status={statusOf(state)}
            data-part={state}
            title={`${state}: ${duration(to - from)}`}
            style={{ left: percent(share(from)), width: percent(share(to) - share(from)) }}
          >
            <span className="cut">{state.startsWith('done') ? '' : state}</span>
          </div>
        ))}
        {ticks(steps, share).map(({ seq, part }) => (
          <i key={seq} className="tick" style={{ left: percent(part) }} />
        ))}
        <i className={moment === null ? 'hand now' : 'hand'} style={{ left: percent(share(at)) }} />
      </div>
      <div className="row said">
        <span className="quiet">{exact(start).slice(0, 19)}</span>
        <span className="push" />
        <span>
          {said}
          {moment === null ? '' : `, ${duration(at - start)} after the submit`}
        </span>
        {moment === null ? null : (
          <button type="button" className="button" title="l" onClick={goLive}>
            {isOver ? 'to the end' : 'to live'}
          </button>
        )}
        <span className="quiet">
          <kbd>[</kbd> <kbd>]</kbd> events <kbd>l</kbd> live
        </span>
      </div>
    </section>
  );
}

type Segment = { from: number; to: number; state: string; seq: number };

/** One for each stay in a state that is wide enough to be seen; its inner ways are ticks. */
function segments(steps: readonly Step[], end: number, leastMs: number): Segment[] {
  const found: Segment[] = [];
  for (const { event } of steps) {
    const last = found.at(-1);
    const at = Date.parse(event.at);
    if (last?.state === event.to) continue;
    const next = { from: at, to: end, state: event.to, seq: event.seq };
    if (last !== undefined && at - last.from < leastMs)
      found.splice(-1, 1, { ...next, from: last.from });
    else {
      if (last !== undefined) last.to = at;
      found.push(next);
    }
  }
  return found;
}

function ticks(
  steps: readonly Step[],
  share: (ms: number) => number,
): { seq: number; part: number }[] {
  const found: { seq: number; part: number }[] = [];
  for (const { event } of steps) {
    const part = share(Date.parse(event.at));
    if (part - (found.at(-1)?.part ?? -1) >= leastShare) found.push({ seq: event.seq, part });
  }
  return found;
}
