/** The yard: what it has to give out, who has it, who waits, and how the daemon itself does. */
import { useState } from 'react';
import { useLocation } from 'wouter';
import { useMayAct } from '../../acts/acts.ts';
import { useYard } from '../../data/yard.ts';
import { useKeys } from '../../keys/keys.ts';
import { State } from '../../ui/marks.tsx';
import { useTitle } from '../../ui/title.ts';
import { Bus } from './bus.tsx';
import { DaemonChart, DaemonFacts } from './daemon.tsx';
import { DrainDialog, type Drained, giveOut } from './drain.tsx';
import { Gpus } from './gpus.tsx';
import { Queue } from './queue.tsx';
import { useQueue } from './use-queue.ts';
import './yard.css';

export function YardPage() {
  const health = useYard((state) => state.health);
  const mayAct = useMayAct();
  useTitle('Yard');
  const queue = useQueue();
  const [, navigate] = useLocation();
  const [draining, setDraining] = useState<Drained | null>(null);
  const [at, setAt] = useState('');
  const here = queue.rows.findIndex((run) => run.run_id === at);
  const move = (by: number): void => {
    const index = Math.min(queue.rows.length - 1, Math.max(0, at === '' ? 0 : here + by));
    setAt(queue.rows[index]?.run_id ?? '');
  };
  const isDrained = health !== null && health.drained !== '';
  const turn = (): void => {
    if (isDrained) void giveOut({ target: '', label: 'the yard' });
    else setDraining({ target: '', label: 'the yard' });
  };
  useKeys([
    { keys: 'j', label: 'next waiting run', run: () => move(1) },
    { keys: 'k', label: 'waiting run before', run: () => move(-1) },
    { keys: 'Enter', label: 'open the run', run: () => at !== '' && navigate(`/run/${at}`) },
    ...(mayAct
      ? [{ keys: 'd', label: 'start nothing new in the yard, or start again', run: turn }]
      : []),
  ]);
  if (health === null) return <p className="empty quiet">loading …</p>;
  const isWell = health.reasons.length === 0;
  return (
    <div className="yard-page">
      <div className="yard-main">
        <div className="row wrap">
          <h1>{health.yard}</h1>
          <State status={isWell ? 'completed' : 'failed'} text={isWell ? 'well' : health.status} />
          <span className="quiet">
            {health.runs_live} live, {health.runs_queued} waiting, {health.parallel} CPU slots
          </span>
          <span className="push" />
          {mayAct ? (
            <button
              type="button"
              className="button"
              title={isDrained ? 'give out again (d)' : 'start nothing new; what runs goes on (d)'}
              onClick={turn}
            >
              {isDrained ? 'Resume the yard' : 'Drain the yard …'}
            </button>
          ) : null}
        </div>
        {isDrained ? (
          <p className="trouble">Nothing new starts: {health.drained}. What runs goes on.</p>
        ) : null}
        {isWell ? null : (
          <ul className="reasons" aria-label="what is wrong">
            {health.reasons.map(({ part, text, hint }) => (
              <li key={`${part} ${text}`} className="trouble">
                <State status="failed" text={part} /> {text}
                {hint === '' ? null : <div className="quiet">{hint}</div>}
              </li>
            ))}
          </ul>
        )}
        <Gpus mayAct={mayAct} onDrain={setDraining} />
        <Queue queue={queue} at={at} onAt={setAt} />
        <Bus mayAct={mayAct} />
      </div>
      <aside className="yard-side" aria-label="the daemon">
        <DaemonChart state={health.state} />
        <DaemonFacts health={health} />
      </aside>
      <DrainDialog target={draining} onClose={() => setDraining(null)} />
    </div>
  );
}
