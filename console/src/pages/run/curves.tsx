/** Curves of the run, one below the other; which ones and how is in the address. */
import { useEffect, useState } from 'react';
import { Curve } from '../../curves/curve.tsx';
import { firstOf } from '../../curves/first.ts';
import { LookTools, useLook } from '../../curves/look.tsx';
import { ask } from '../../data/api.ts';
import { useQuery } from '../../data/query.ts';
import type { MetricKey, RunSummary } from '../../data/types.ts';
import { useYard } from '../../data/yard.ts';
import { goTo, useMoment } from './cursor.ts';

const againMs = 4000;
const shownFirst = 2;
/** A stream has 32 subscriptions, and other parts of the page take some. */
const curvesMost = 20;

export function Curves({ run, attempt }: { run: RunSummary; attempt: number }) {
  const [query, change] = useQuery();
  const at = useMoment((moment) => moment?.at ?? null);
  const keys = useKeysOf(run, attempt);
  const names = keys.map(({ key }) => key);
  const chosen = query.get('keys');
  // As many as a stream has subscriptions for, whatever an address names.
  const shown = (
    chosen === null ? firstOf(names, shownFirst) : chosen.split(',').filter((name) => name !== '')
  ).slice(0, curvesMost);
  const show = (next: readonly string[]): void => change({ keys: next.join(',') || ',' });
  const look = useLook();
  const rest = names.filter((name) => !shown.includes(name));
  if (names.length === 0 && shown.length === 0) {
    return (
      <section className="curves" aria-label="curves">
        <p className="quiet">
          No numbers yet. Lines such as <code>loss=0.5 step=1</code>, TensorBoard and CSV files
          become curves.
        </p>
      </section>
    );
  }
  return (
    <section className="curves" aria-label="curves">
      <div className="row wrap tools">
        <h2>Curves</h2>
        <span className="push" />
        {rest.length === 0 || shown.length >= curvesMost ? null : (
          <select
            className="field"
            aria-label="add a curve"
            value=""
            onChange={(event) => show([...shown, event.target.value])}
          >
            <option value="">+ key</option>
            {rest.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
        <LookTools look={look} />
      </div>
      {shown.map((name) => (
        <Curve
          key={`${run.run_id} ${attempt} ${name}`}
          run={run.run_id}
          attempt={attempt}
          name={name}
          look={look}
          at={at}
          onAt={goTo}
          onRemove={() => show(shown.filter((each) => each !== name))}
        />
      ))}
    </section>
  );
}

/** Asked for again while the run lives: a new metric may come at any time. */
function useKeysOf(
  { run_id: id, finished_at: finished }: RunSummary,
  attempt: number,
): readonly MetricKey[] {
  const [keys, setKeys] = useState<readonly MetricKey[]>([]);
  const isLost = useYard(({ lostSince }) => lostSince !== null);
  useEffect(() => {
    if (isLost) return;
    const controller = new AbortController();
    const load = (): void => {
      const query = { runs: id, attempt };
      ask('GET /api/metric-keys', { query, signal: controller.signal }).then(
        ({ keys: found }) =>
          setKeys((before) => (namesOf(before) === namesOf(found) ? before : found)),
        () => undefined,
      );
    };
    load();
    const timer = finished === '' ? window.setInterval(load, againMs) : undefined;
    // What was last counted of a run comes a moment after its end.
    const once = finished === '' ? undefined : window.setTimeout(load, againMs);
    return () => {
      controller.abort();
      window.clearInterval(timer);
      window.clearTimeout(once);
    };
  }, [id, attempt, finished, isLost]);
  return keys;
}

function namesOf(keys: readonly MetricKey[]): string {
  return keys.map(({ key }) => key).join('\n');
}
