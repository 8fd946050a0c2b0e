/** Which attempt of the run is looked at: the latest, unless the address says another one. */
import { useQuery } from '../../data/query.ts';
import type { RunSummary } from '../../data/types.ts';

export function useAttempt(run: RunSummary): number {
  const [query] = useQuery();
  const asked = Number(query.get('attempt') ?? 0);
  return Number.isInteger(asked) && asked >= 1 && asked <= run.attempt ? asked : run.attempt;
}

/** Shown where there is something to choose. */
export function AttemptChoice({ run, attempt }: { run: RunSummary; attempt: number }) {
  const [, change] = useQuery();
  if (run.attempt < 2) return null;
  return (
    <select
      className="field"
      aria-label="attempt"
      title="whose output, artifacts and curves are shown"
      value={attempt}
      onChange={({ target: { value } }) =>
        change({ attempt: Number(value) === run.attempt ? null : value })
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
