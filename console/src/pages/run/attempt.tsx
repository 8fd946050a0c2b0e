/** Which attempt's output, artifacts and curves are shown: that of the address, else that of the moment. */
import { useQuery } from '../../data/query.ts';
import type { RunSummary } from '../../data/types.ts';
import { useMoment } from './cursor.ts';
import { type Step, stepAt } from './use-run.ts';

/** `usual`: without a word in the address. */
export type Attempt = { shown: number; usual: number };

export function useAttempt(run: RunSummary, steps: readonly Step[]): Attempt {
  const [query] = useQuery();
  const then = useMoment((moment) =>
    moment === null ? 0 : (stepAt(steps, moment)?.event.attempt ?? 0),
  );
  const usual = then || run.attempt;
  const asked = Number(query.get('attempt') ?? 0);
  const isThere = Number.isInteger(asked) && asked >= 1 && asked <= run.attempt;
  return { shown: isThere ? asked : usual, usual };
}

/** Shown where there is something to choose. */
export function AttemptChoice({ run, attempt }: { run: RunSummary; attempt: Attempt }) {
  const [, change] = useQuery();
  if (run.attempt < 2) return null;
  return (
    <select
      className="field"
      aria-label="attempt"
      title="whose output, artifacts and curves are shown"
      value={attempt.shown}
      onChange={({ target: { value } }) =>
        change({ attempt: Number(value) === attempt.usual ? null : value })
      }
    >
      {Array.from({ length: run.attempt }, (_, index) => run.attempt - index).map((each) => (
        <option key={each} value={each}>
          attempt {each}
          {each === run.attempt ? ', the latest' : ''}
        </option>
      ))}
    </select>
  );
}
