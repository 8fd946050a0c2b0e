import { type Look, LookTools } from '../../curves/look.tsx';

const bests = [
  ['', 'best: by name'],
  ['most', 'best: most'],
  ['least', 'best: least'],
] as const;

/** Which metrics are shown, and how. */
export function Tools(props: {
  title: string;
  count: string;
  keys: readonly string[];
  shown: readonly string[];
  look: Look;
  /** Null: nothing to take a mean of. */
  mean: boolean | null;
  best: string;
  onShow(next: readonly string[]): void;
  change(changes: Readonly<Record<string, string | null>>): void;
}) {
  const { title, count, keys, shown, look, mean, best, onShow, change } = props;
  const rest = keys.filter((name) => !shown.includes(name));
  return (
    <div className="row wrap">
      <h1>{title}</h1>
      <span className="quiet">{count}</span>
      <button
        type="button"
        className="button"
        onClick={() => change({ runs: null, group: null, keys: null })}
      >
        Choose others
      </button>
      <span className="push" />
      {rest.length === 0 ? null : (
        <select
          className="field"
          aria-label="add a metric"
          value=""
          onChange={(event) => onShow([...shown, event.target.value])}
        >
          <option value="">+ metric</option>
          {rest.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      )}
      <select
        className="field"
        aria-label="which is best"
        value={best}
        onChange={({ target: { value } }) => change({ best: value })}
      >
        {bests.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      {mean === null ? null : (
        <button
          type="button"
          className="button"
          aria-pressed={mean}
          title="mean and deviation over seeds (m)"
          onClick={() => change({ each: mean ? 'on' : null })}
        >
          mean
        </button>
      )}
      <LookTools look={look} />
    </div>
  );
}
