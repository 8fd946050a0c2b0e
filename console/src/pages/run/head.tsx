import { type ReactNode, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { slotsText } from '../../../../src/slots.ts';
import { askRuns, useMayAct, type Verb, verbsOf } from '../../acts/acts.ts';
import { StopDialog } from '../../acts/stop-dialog.tsx';
import type { RunSummary } from '../../data/types.ts';
import { useKeys } from '../../keys/keys.ts';
import { Ago, Id, Span, State } from '../../ui/marks.tsx';
import { Why as Sentence } from '../../ui/why.tsx';

const names: Readonly<Record<Verb, string>> = {
  stop: 'Stop …',
  pause: 'Pause',
  resume: 'Resume',
  hold: 'Hold',
  release: 'Release',
  retry: 'Retry',
};

/** Which run this is, how it does, why, and what can be asked of it. */
export function RunHead({ run, children }: { run: RunSummary; children: ReactNode }) {
  const mayAct = useMayAct();
  const [, navigate] = useLocation();
  const [stopping, setStopping] = useState<readonly RunSummary[]>([]);
  const verbs = mayAct ? verbsOf(run) : [];
  const act = (verb: Verb): void => {
    if (verb === 'stop') setStopping([run]);
    else
      void askRuns(verb, [run]).then(([id]) => {
        if (id !== undefined) navigate(`/run/${id}`);
      });
  };
  useKeys([
    ...(verbs.includes('stop')
      ? [{ keys: 's', label: 'stop the run', run: () => act('stop') }]
      : []),
    ...(verbs.includes('retry')
      ? [{ keys: 'r', label: 'retry: a new run like it', run: () => act('retry') }]
      : []),
    {
      keys: 'e',
      label: 'submit one like it, with changes',
      run: () => navigate(`/submit?like=${run.run_id}`),
    },
  ]);
  const facts = [
    slotsText(run.gpu_slots, ', '),
    run.pid > 0 ? `pid ${run.pid}` : '',
    run.exited && run.exit_signal === '' ? `exit ${run.exit_code}` : run.exit_signal,
  ].filter((fact) => fact !== '');
  const isLive = run.status === 'running' && run.finished_at === '';
  return (
    <header className="run-head">
      <div className="row">
        <h1 className="cut" title={run.command}>
          {run.name || run.command}
        </h1>
        <Id id={run.run_id} />
        <strong>
          <State status={run.status} text={run.status} />
        </strong>
        <span>
          {run.started_at === '' ? (
            <Ago at={run.submitted_at} suffix=" waiting" />
          ) : (
            <Span from={run.started_at} to={run.finished_at} />
          )}
        </span>
        {facts.map((fact) => (
          <span key={fact} className="quiet">
            {fact}
          </span>
        ))}
        {children}
        {run.last_metric === '' ? null : <span className="cut">{run.last_metric}</span>}
        <span className="push" />
        {isLive && run.last_heartbeat !== '' ? (
          <span className="quiet" title="when its worker was heard last">
            heard <Ago at={run.last_heartbeat} />
          </span>
        ) : null}
        {verbs.map((verb) => (
          <button key={verb} type="button" className="button" onClick={() => act(verb)}>
            {names[verb]}
          </button>
        ))}
        <Link className="button" href={`/submit?like=${run.run_id}`} title="with changes (e)">
          Submit like this
        </Link>
      </div>
      <Why run={run} />
      <StopDialog runs={stopping} onClose={() => setStopping([])} />
    </header>
  );
}

/** Why it waits or how it ended, with links to the runs that it names. */
function Why({ run }: { run: RunSummary }) {
  const { why, stop_user: user, stop_reason: reason, status } = run;
  const { failure_cause: guess } = run;
  const cause = guess === null || why.includes(guess.text) ? null : guess;
  const stopped = user === '' || reason === '' ? '' : `${user}: “${reason}”`;
  const isSaid = why !== '' && status !== 'completed';
  const { retry_of: of } = run;
  if (!isSaid && cause === null && stopped === '' && of === '') return null;
  return (
    <p className="why">
      {isSaid ? <Sentence text={why} /> : null}
      {cause === null ? null : (
        <>
          {isSaid ? ' – ' : ''}probably: <Sentence text={cause.text} />
        </>
      )}
      {stopped === '' || why.includes(reason) ? null : <span className="quiet"> {stopped}</span>}
      {of === '' ? null : (
        <span className="quiet">
          {' '}
          retry of <Link href={`/run/${of}`}>{of}</Link>
        </span>
      )}
    </p>
  );
}
