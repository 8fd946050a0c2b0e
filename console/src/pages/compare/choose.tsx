/** Nothing is chosen so far: groups, and the last runs. */
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { ask, errorText } from '../../data/api.ts';
import type { HttpAnswers } from '../../data/types.ts';
import { useYard } from '../../data/yard.ts';
import { Ago, State } from '../../ui/marks.tsx';

const shownMost = 30;
type Groups = HttpAnswers['GET /api/groups']['groups'];

export function Choose({ onChoose }: { onChoose(runs: readonly string[]): void }) {
  const runs = useYard((state) => state.runs);
  const [groups, setGroups] = useState<Groups>([]);
  const [error, setError] = useState('');
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const controller = new AbortController();
    ask('GET /api/groups', {
      query: { all: true, limit: shownMost },
      signal: controller.signal,
    }).then(
      (found) => setGroups(found.groups),
      (failure) => !controller.signal.aborted && setError(errorText(failure)),
    );
    return () => controller.abort();
  }, []);
  const newest = [...runs.values()]
    .sort((a, b) => (a.submitted_at < b.submitted_at ? 1 : -1))
    .slice(0, shownMost);
  const turn = (id: string): void => {
    const next = new Set(picked);
    if (!next.delete(id)) next.add(id);
    setPicked(next);
  };
  return (
    <div className="choose">
      <h1>Compare</h1>
      {error === '' ? null : <p className="trouble">{error}</p>}
      {groups.length === 0 ? null : (
        <section aria-label="groups">
          <h2>A group</h2>
          <ul>
            {groups.map(({ group, state, runs: count, submitted_at: at }) => (
              <li key={group} className="row">
                <Link href={`/compare?group=${encodeURIComponent(group)}`}>g:{group}</Link>
                <State status={state} />
                <span className="quiet">
                  {count} runs, <Ago at={at} />
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section aria-label="runs">
        <div className="row">
          <h2>{groups.length === 0 ? 'Some of the last runs' : 'Or some of the last runs'}</h2>
          <button
            type="button"
            className="button main"
            disabled={picked.size === 0}
            onClick={() => onChoose([...picked])}
          >
            Compare {picked.size === 0 ? '' : picked.size}
          </button>
        </div>
        {newest.length === 0 ? (
          <p className="quiet">
            There are no runs so far. Lines that they print, such as <code>loss=0.5 step=1</code>,
            become curves.
          </p>
        ) : (
          <ul>
            {newest.map((run) => (
              <li key={run.run_id}>
                <label className="row">
                  <input
                    type="checkbox"
                    checked={picked.has(run.run_id)}
                    onChange={() => turn(run.run_id)}
                  />
                  {run.name || run.run_id} <State status={run.status} />
                  <span className="quiet">
                    {run.last_metric === '' ? '' : `${run.last_metric}, `}
                    <Ago at={run.submitted_at} />
                  </span>
                </label>
              </li>
            ))}
          </ul>
        )}
      </section>
    </div>
  );
}
