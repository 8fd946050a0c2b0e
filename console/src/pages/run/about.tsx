/** What was asked for, which code ran, and each attempt. */
import type { RunDetails, RunSummary } from '../../data/types.ts';
import { exact, Id, Span } from '../../ui/marks.tsx';

export function Configuration({ run, details }: { run: RunSummary; details: RunDetails }) {
  const text = JSON.stringify(JSON.parse(details.config_json || '{}'), null, 2);
  const facts = [
    ['project', [run.project, run.group].filter((part) => part !== '').join(' / ')],
    ['user', run.user],
    ['tags', run.tags.join(', ')],
    ['note', run.note],
    ['submitted', exact(run.submitted_at)],
    ['in', run.cwd],
    ['its directory', run.run_dir],
    ['retry of', run.retry_of],
  ].filter(([, value]) => value !== '');
  return (
    <div className="about">
      <pre className="command">{run.command}</pre>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <div>
          <dt>digest</dt>
          <dd>
            <Id id={run.config_digest} length={16} />
          </dd>
        </div>
      </dl>
      <h2>As it was taken</h2>
      <pre className="mono">{text}</pre>
    </div>
  );
}

export function Code({ run, details }: { run: RunSummary; details: RunDetails }) {
  const { code = {} } = JSON.parse(details.config_json || '{}') as {
    code?: Record<string, unknown>;
  };
  const entries = Object.entries(code);
  if (entries.length === 0) {
    return (
      <p className="quiet none">
        It is not known which code ran: it was submitted without a word on that.
      </p>
    );
  }
  return (
    <div className="about">
      <p>{run.code}</p>
      <dl className="facts">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="mono">{String(value)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

export function Attempts({ details }: { details: RunDetails }) {
  if (details.attempts.length === 0) return <p className="quiet none">None has begun.</p>;
  return (
    <table className="files">
      <thead>
        <tr>
          <th>attempt</th>
          <th>began</th>
          <th>ran</th>
          <th>where</th>
          <th>pid</th>
          <th>end</th>
        </tr>
      </thead>
      <tbody>
        {details.attempts.map((each) => (
          <tr key={each.attempt}>
            <td>{each.attempt}</td>
            <td>{exact(each.began_at).slice(0, 19)}</td>
            <td>
              <Span from={each.started_at} to={each.ended_at} />
            </td>
            <td>{each.slots.join(', ') || '–'}</td>
            <td>{each.pid || '–'}</td>
            <td>
              {each.ended_at === ''
                ? 'goes on'
                : each.exit_signal ||
                  (each.exit_kind === 'exited' ? `exit ${each.exit_code}` : each.exit_kind)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
