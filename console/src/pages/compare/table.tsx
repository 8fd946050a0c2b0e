/** What tells the runs apart, and what each metric came to; the best one is marked. */
import { Link } from 'wouter';
import { valueText } from '../../curves/points.ts';
import type { MetricKey } from '../../data/types.ts';
import { State } from '../../ui/marks.tsx';
import { bestOf, type Cell, type Compared, isLoss, measuredOf } from './cells.ts';
import { overSeeds } from './means.ts';

export function CompareTable(props: {
  all: Compared;
  keys: readonly MetricKey[];
  shown: readonly string[];
  isMean: boolean;
  /** 'least', 'most', or '' for what the name of a metric says. */
  best: string;
  picked: string;
  onPick(id: string): void;
}) {
  const { all, keys, shown, isMean, best, picked, onPick } = props;
  const metrics = shown.map((name) => {
    const of = measuredOf(keys, name);
    const least = best === '' ? isLoss(name) : best === 'least';
    return { name, of, least, best: bestOf(of, least) };
  });
  const names = isMean ? paramsOf(all.cells) : all.names;
  const heads = isMean ? ['mean ± std', 'min', 'max'] : ['last', 'min', 'max'];
  return (
    <div className="compare-table">
      <table>
        <thead>
          <tr>
            <th scope="col" rowSpan={2}>
              <span className="unseen">letter of the line</span>
            </th>
            <th scope="col" rowSpan={2}>
              {isMean ? 'runs' : 'run'}
            </th>
            {isMean ? null : (
              <th scope="col" rowSpan={2}>
                state
              </th>
            )}
            {names.map((name) => (
              <th key={name} scope="col" rowSpan={2}>
                {name}
              </th>
            ))}
            {metrics.map(({ name, least }) => (
              <th key={name} scope="colgroup" colSpan={3} className="metric">
                {name} <span className="way">{least ? '(least is best)' : '(most is best)'}</span>
              </th>
            ))}
          </tr>
          <tr>
            {metrics.flatMap(({ name }) =>
              heads.map((head) => (
                <th key={`${name} ${head}`} scope="col" className="number">
                  {head}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody>
          {isMean
            ? all.cells.map((cell) => (
                <tr key={cell.id} {...rowProps(cell.id, picked, onPick)}>
                  <td className="letter">{cell.letter}</td>
                  <td>
                    {cell.members.map(({ run }, index) => (
                      <span key={run.run_id}>
                        {index === 0 ? '' : ' '}
                        <Link href={`/run/${run.run_id}`} title={run.name}>
                          {run.params.seed ?? run.run_id}
                        </Link>
                      </span>
                    ))}
                  </td>
                  {names.map((name) => (
                    <td key={name}>{cell.params[name] ?? '–'}</td>
                  ))}
                  {metrics.flatMap(({ name, of, least, best: first }) => {
                    const own = cell.members.flatMap(({ run }) => of.get(run.run_id) ?? []);
                    const { mean, std } = overSeeds(own.map(({ last }) => last));
                    const spread = Number.isNaN(std) ? '' : ` ± ${valueText(std)}`;
                    const isBest = cell.members.some(({ run }) => run.run_id === first);
                    return [
                      <td key={`${name} mean`} className="number">
                        {own.length === 0 ? '–' : `${valueText(mean)}${spread}`}
                      </td>,
                      <Value
                        key={`${name} min`}
                        of={leastOf(own.map(({ min }) => min))}
                        isBest={isBest && least}
                      />,
                      <Value
                        key={`${name} max`}
                        of={mostOf(own.map(({ max }) => max))}
                        isBest={isBest && !least}
                      />,
                    ];
                  })}
                </tr>
              ))
            : all.members.map(({ run, letter, params }) => (
                <tr key={run.run_id} {...rowProps(run.run_id, picked, onPick)}>
                  <td className="letter">{letter}</td>
                  <td>
                    <Link href={`/run/${run.run_id}`}>{run.name || run.run_id}</Link>
                  </td>
                  <td>
                    <State status={run.status} />
                  </td>
                  {names.map((name) => (
                    <td key={name}>{params[name] ?? '–'}</td>
                  ))}
                  {metrics.flatMap(({ name, of, least, best: first }) => {
                    const own = of.get(run.run_id);
                    const isBest = run.run_id === first;
                    return [
                      <Value key={`${name} last`} of={own?.last} isBest={false} />,
                      <Value key={`${name} min`} of={own?.min} isBest={isBest && least} />,
                      <Value key={`${name} max`} of={own?.max} isBest={isBest && !least} />,
                    ];
                  })}
                </tr>
              ))}
        </tbody>
      </table>
    </div>
  );
}

function rowProps(id: string, picked: string, onPick: (id: string) => void) {
  return { className: id === picked ? 'at' : '', onMouseDown: () => onPick(id) };
}

function Value({ of, isBest }: { of: number | undefined; isBest: boolean }) {
  return (
    <td className={isBest ? 'number best' : 'number'}>
      {isBest ? <span title="the best of all">★ </span> : null}
      {of === undefined || Number.isNaN(of) ? '–' : valueText(of)}
    </td>
  );
}

function leastOf(values: readonly number[]): number | undefined {
  return values.length === 0
    ? undefined
    : Math.min(...values.filter((each) => !Number.isNaN(each)));
}

function mostOf(values: readonly number[]): number | undefined {
  return values.length === 0
    ? undefined
    : Math.max(...values.filter((each) => !Number.isNaN(each)));
}

function paramsOf(cells: readonly Cell[]): string[] {
  return [...new Set(cells.flatMap(({ params }) => Object.keys(params)))];
}
