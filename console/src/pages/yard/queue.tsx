import { useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { Ago } from '../../ui/marks.tsx';
import { Why } from '../../ui/why.tsx';
import type { QueueState } from './use-queue.ts';

/** Who waits, in which order, for what, and about how long. */
export function Queue(props: { queue: QueueState; at: string; onAt(id: string): void }) {
  const { queue, at, onAt } = props;
  const row = useRef<HTMLTableRowElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another row is another element
  useEffect(() => {
    row.current?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  return (
    <section className="queue" aria-label="queue">
      <h2>
        Queue{' '}
        <span className="quiet">
          {queue.rows.length === 0 ? '' : `${queue.rows.length + queue.more} waiting`}
        </span>
      </h2>
      {queue.rows.length === 0 ? (
        <p className="quiet">
          Nothing waits. <Link href="/submit">Submit a run</Link>
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span className="unseen">place</span>
              </th>
              <th scope="col">run</th>
              <th scope="col">user</th>
              <th scope="col" className="number">
                priority
              </th>
              <th scope="col">since</th>
              <th scope="col">why it waits</th>
            </tr>
          </thead>
          <tbody>
            {queue.rows.map((run, index) => (
              <tr
                key={run.run_id}
                ref={run.run_id === at ? row : null}
                className={run.run_id === at ? 'at' : ''}
                onMouseDown={() => onAt(run.run_id)}
              >
                <td className="place">{index + 1}</td>
                <td>
                  <Link href={`/run/${run.run_id}`}>{run.name || run.run_id}</Link>
                </td>
                <td>{run.user}</td>
                <td className="number">{run.priority}</td>
                <td>
                  <Ago at={run.submitted_at} suffix="" />
                </td>
                <td className="why">
                  <Why text={run.why} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {queue.more === 0 ? null : (
        <p className="quiet">
          and {queue.more} more: <Link href="/runs?status=queued">all that wait</Link>
        </p>
      )}
    </section>
  );
}
