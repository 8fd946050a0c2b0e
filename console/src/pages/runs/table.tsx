/** The rows that are in view, out of any number. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { slotsText } from '../../../../src/slots.ts';
import type { RunSummary } from '../../data/types.ts';
import { useWatched } from '../../data/use-watched.ts';
import { Ago, Id, Span, State } from '../../ui/marks.tsx';
import type { Column, Sort } from './filter.ts';

const rowPx = 29;
/** As in runs.css. */
const headPx = 27;

const heads: readonly { by: Column | null; label: string }[] = [
  { by: null, label: '' },
  { by: 'status', label: 'state' },
  { by: null, label: 'id' },
  { by: 'name', label: 'name' },
  { by: 'project', label: 'project' },
  { by: 'user', label: 'user' },
  { by: 'age', label: 'submitted' },
  { by: 'time', label: 'ran' },
  { by: null, label: 'place' },
  { by: null, label: 'last metric' },
  { by: null, label: 'why' },
];

export function RunsTable(props: {
  runs: readonly RunSummary[];
  at: string;
  picked: ReadonlySet<string>;
  sort: Sort;
  onSort(by: Column): void;
  onAt(id: string): void;
  onPick(id: string): void;
}) {
  const { runs, at, picked, sort, onSort, onAt, onPick } = props;
  const place = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => place.current,
    estimateSize: () => rowPx,
    overscan: 6,
    scrollMargin: headPx,
    scrollPaddingStart: headPx,
    getItemKey: (index) => runs[index]?.run_id ?? index,
  });
  const index = runs.findIndex(({ run_id: id }) => id === at);
  // biome-ignore lint/correctness/useExhaustiveDependencies: that others come or go before it is no reason to jump there
  useEffect(() => {
    if (index !== -1) rows.scrollToIndex(index);
  }, [at, rows]);
  const items = rows.getVirtualItems();
  useWatched(items.flatMap((item) => runs[item.index] ?? []));
  return (
    <div role="grid" aria-label="runs" aria-rowcount={runs.length + 1} className="grid">
      <div ref={place} className="grid-body" role="rowgroup">
        <div role="row" className="grid-row head" aria-rowindex={1}>
          {heads.map(({ by, label }, column) => (
            <div
              role="columnheader"
              // biome-ignore lint/suspicious/noArrayIndexKey: columns stay where they are
              key={column}
              aria-sort={
                by !== null && sort.by === by
                  ? sort.isDown
                    ? 'descending'
                    : 'ascending'
                  : undefined
              }
            >
              {by === null ? (
                label === '' ? (
                  <span className="unseen">chosen</span>
                ) : (
                  label
                )
              ) : (
                <button type="button" onClick={() => onSort(by)}>
                  {label}
                  {sort.by === by ? (sort.isDown ? ' ↓' : ' ↑') : ''}
                </button>
              )}
            </div>
          ))}
        </div>
        <div role="presentation" style={{ height: rows.getTotalSize(), position: 'relative' }}>
          {items.map((item) => {
            const run = runs[item.index];
            if (run === undefined) return null;
            return (
              <Row
                key={run.run_id}
                run={run}
                row={item.index + 2}
                top={item.start - headPx}
                isAt={run.run_id === at}
                isPicked={picked.has(run.run_id)}
                onAt={onAt}
                onPick={onPick}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

const Row = memo(
  function Row(props: {
    run: RunSummary;
    row: number;
    top: number;
    isAt: boolean;
    isPicked: boolean;
    onAt(id: string): void;
    onPick(id: string): void;
  }) {
    const { run, row, top, isAt, isPicked, onAt, onPick } = props;
    const inner =
      run.status === run.state.split('.')[0] ? run.state.split('.').slice(1).join('.') : '';
    const detail = run.status === 'running' && inner !== 'live' ? inner : '';
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: j, k, x and Enter do the same
      <div
        role="row"
        aria-rowindex={row}
        aria-selected={isPicked}
        className={isAt ? 'grid-row at' : 'grid-row'}
        style={{ transform: `translateY(${top}px)` }}
        onClick={() => onAt(run.run_id)}
      >
        <Cell>
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={`choose ${run.name || run.run_id}`}
            checked={isPicked}
            onChange={() => onPick(run.run_id)}
          />
        </Cell>
        <Cell>
          <State status={run.status} text={detail === '' ? run.status : detail} />
        </Cell>
        <Cell>
          <Id id={run.run_id} />
        </Cell>
        <Cell title={run.command}>
          <Link href={`/run/${run.run_id}`}>{run.name || run.command}</Link>
        </Cell>
        <Cell title={[run.project, run.group].filter((part) => part !== '').join(' / ')}>
          {run.project}
          {run.group === '' ? null : <span className="quiet"> / {run.group}</span>}
        </Cell>
        <Cell>{run.user}</Cell>
        <Cell>
          <Ago at={run.submitted_at} />
        </Cell>
        <Cell>
          <Span from={run.started_at} to={run.finished_at} />
        </Cell>
        <Cell title={slotsText(run.gpu_slots, ' ')}>
          {slotsText(run.gpu_slots, ' ').replaceAll(/GPU-(fake-)?/g, '')}
        </Cell>
        <Cell title={run.last_metric}>{run.last_metric}</Cell>
        <Cell title={whyOf(run)}>{whyOf(run)}</Cell>
      </div>
    );
  },
  (a, b) =>
    a.run === b.run &&
    a.row === b.row &&
    a.top === b.top &&
    a.isAt === b.isAt &&
    a.isPicked === b.isPicked,
);

function Cell({ title, children }: { title?: string; children: React.ReactNode }) {
  return (
    <div role="gridcell" className="cut" title={title}>
      {children}
    </div>
  );
}

/** What it waits for or ended of; nothing of a run that simply goes on or went well. */
function whyOf({ why, status, failure_cause: cause }: RunSummary): string {
  if (status === 'completed' || status === 'running') return '';
  return cause === null || why.includes(cause.text) ? why : `${why}: ${cause.text}`;
}
