/** Output of the attempt: followed, searched, or as it was at the moment shown. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useEffect, useRef, useState } from 'react';
import { bytesText } from '../../../../src/units.ts';
import type { RunSummary } from '../../data/types.ts';
import { useKeys } from '../../keys/keys.ts';
import { exact } from '../../ui/marks.tsx';
import { piecesOf } from './ansi.ts';
import { goTo, useMoment } from './cursor.ts';
import { useLines } from './use-lines.ts';

const linePx = 18;

export function Logs({ run, attempt }: { run: RunSummary; attempt: number }) {
  const at = useMoment((moment) => moment?.at ?? null);
  const [text, setText] = useState('');
  const search = useDeferredValue(text);
  const {
    lines,
    begun,
    lostBytes,
    isFollowing,
    isSearch,
    isLoading,
    hasMore,
    error,
    version,
    loadBefore,
  } = useLines({
    run: run.run_id,
    attempt,
    search,
    at,
  });
  const isLive = run.finished_at === '' && attempt === run.attempt;
  const place = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const shownBegun = isFollowing ? begun : [];
  const rows = useVirtualizer({
    count: lines.length + shownBegun.length,
    getScrollElement: () => place.current,
    estimateSize: () => linePx,
    overscan: 20,
    getItemKey: (index) => lines[index]?.seq ?? `begun-${index}`,
  });
  const field = useRef<HTMLInputElement>(null);
  useKeys([{ keys: '/', label: 'search the output', run: () => field.current?.focus() }]);
  // Lines come in order, so that the last one of the moment is found by halves.
  const lit = at === null || isSearch ? -1 : lastAt(lines, at);
  const count = lines.length + shownBegun.length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was drawn anew is followed
  useEffect(() => {
    if (count === 0) return;
    if (isFollowing && isAtEnd.current) rows.scrollToIndex(count - 1, { align: 'end' });
    else if (lit >= 0) rows.scrollToIndex(lit, { align: 'center' });
  }, [version, isFollowing, lit, count]);
  // Who comes back to now wants its end.
  useEffect(() => {
    if (isFollowing) isAtEnd.current = true;
  }, [isFollowing]);
  const first = lines[0]?.seq ?? 1;
  return (
    <div className="logs">
      <div className="row tools">
        <input
          ref={field}
          className="field"
          type="search"
          aria-label="search the output"
          placeholder="search  ( / )"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <span className="quiet">
          {isLoading
            ? 'searching …'
            : isSearch
              ? `${lines.length}${hasMore ? ' or more' : ''} lines with it`
              : isFollowing
                ? isLive
                  ? 'following'
                  : 'to the end'
                : 'as it was then'}
          {lostBytes === 0 ? '' : `; ${bytesText(lostBytes)} were not kept`}
        </span>
        <span className="push" />
        {first > 1 && !isSearch ? (
          <button type="button" className="button" onClick={loadBefore}>
            earlier lines
          </button>
        ) : null}
      </div>
      {error === '' ? null : <p className="trouble">No more lines come: {error}</p>}
      <div
        ref={place}
        className="lines"
        role="log"
        aria-label="output"
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keys too
        tabIndex={0}
        onScroll={({ currentTarget: box }) => {
          isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 2 * linePx;
        }}
      >
        <div style={{ height: rows.getTotalSize(), position: 'relative' }}>
          {rows.getVirtualItems().map(({ index, start, key }) => {
            const line = lines[index] ?? shownBegun[index - lines.length];
            if (line === undefined) return null;
            return (
              // biome-ignore lint/a11y/noStaticElementInteractions: the timeline and the events do the same by keys
              // biome-ignore lint/a11y/useKeyWithClickEvents: the timeline and the events do the same by keys
              <div
                key={key}
                className={index === lit ? 'line at' : 'line'}
                data-stream={line.stream}
                style={{ transform: `translateY(${start}px)` }}
                onClick={() => {
                  // Not while a part of it is being marked.
                  if (getSelection()?.isCollapsed !== false) goTo(Date.parse(line.at));
                }}
              >
                <span className="quiet">{exact(line.at).slice(11, 23)}</span>
                <span className="quiet">{line.stream === 'stderr' ? 'err' : ''}</span>
                <span className="text">
                  <Text text={line.text} />
                </span>
              </div>
            );
          })}
        </div>
        {count === 0 ? (
          <p className="quiet none">{isLoading ? '' : isSearch ? 'no line has it' : 'no output'}</p>
        ) : null}
      </div>
    </div>
  );
}

function Text({ text }: { text: string }) {
  return piecesOf(text).map(({ text: piece, look }, index) =>
    look === '' ? (
      piece
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one line, which never changes
      <span key={index} className={look}>
        {piece}
      </span>
    ),
  );
}

function lastAt(lines: readonly { at: string }[], at: number): number {
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Date.parse(lines[middle]?.at ?? '') <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
