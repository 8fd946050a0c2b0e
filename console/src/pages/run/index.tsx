/** One run: where it is, how it got there, and what came of it, all at the moment of one cursor. */
import { Tabs } from 'radix-ui';
import { useEffect } from 'react';
import { Link, useLocation } from 'wouter';
import { useQuery } from '../../data/query.ts';
import { useWatched } from '../../data/use-watched.ts';
import { useKeys } from '../../keys/keys.ts';
import { glyphOf } from '../../ui/marks.tsx';
import { useTitle } from '../../ui/title.ts';
import { Attempts, Code, Configuration } from './about.tsx';
import { Artifacts } from './artifacts.tsx';
import { AttemptChoice, useAttempt } from './attempt.tsx';
import { cursorStore, goLive, goTo } from './cursor.ts';
import { Curves } from './curves.tsx';
import { Events } from './events.tsx';
import { RunHead } from './head.tsx';
import { Logs } from './logs.tsx';
import { RunChart } from './run-chart.tsx';
import './run.css';
import { Timeline } from './timeline.tsx';
import { type RunKnown, stepAt, useRun } from './use-run.ts';

const tabs = ['events', 'logs', 'artifacts', 'configuration', 'attempts', 'code'] as const;
/** A moment is written into the address when it has stayed for so long. */
const settleMs = 300;

export function RunPage({ run: ref }: { run: string }) {
  const { known, error, isRemoved } = useRun(ref);
  const [, navigate] = useLocation();
  const id = known?.run.run_id ?? ref;
  useEffect(() => {
    // Names and prefixes may mean another run tomorrow.
    if (id !== ref) navigate(`/run/${id}${location.search}`, { replace: true });
  }, [id, ref, navigate]);
  if (isRemoved) {
    return (
      <div className="empty">
        <h1>This run was removed</h1>
        <p className="quiet">Its files and its history are gone.</p>
        <Link href="/runs">to the runs</Link>
      </div>
    );
  }
  if (known !== null) return <Known known={known} />;
  if (error === null || error.code === 'unreachable')
    return <p className="empty quiet">loading …</p>;
  return (
    <div className="empty">
      <h1>
        {error.code === 'run_not_found' ? 'There is no such run' : 'The run could not be loaded'}
      </h1>
      <p className="trouble">{error.message}</p>
      <Link href="/runs">to the runs</Link>
    </div>
  );
}

function Known({ known: { run, details, steps } }: { known: RunKnown }) {
  const [query, change] = useQuery();
  const [, navigate] = useLocation();
  useMomentInAddress();
  const step = (by: 1 | -1): void => {
    const { moment } = cursorStore.getState();
    const now = stepAt(steps, moment);
    const index = now === undefined ? -1 : steps.indexOf(now);
    // Back from now is to the last event itself.
    const next = moment === null && by === -1 ? steps.at(-1) : steps[index + by];
    if (next !== undefined) goTo(Date.parse(next.event.at), next.event.seq);
    else if (by === 1) goLive();
  };
  const attempt = useAttempt(run, steps);
  const { shown } = attempt;
  // Its heartbeat is no event.
  useWatched([run]);
  useTitle(`${glyphOf(run.status)} ${run.name || run.run_id}`);
  const tab = tabs.find((each) => each === query.get('tab')) ?? 'events';
  useKeys([
    { keys: 'l', label: 'live: the last moment', run: goLive },
    { keys: '[', label: 'event before', run: () => step(-1) },
    { keys: ']', label: 'next event', run: () => step(1) },
    ...tabs.map((name, index) => ({
      keys: String(index + 1),
      label: `show ${name}`,
      run: () => change({ tab: index === 0 ? null : name }),
    })),
    { keys: 'u', label: 'up to the runs', run: () => navigate('/runs') },
  ]);
  return (
    <div className="run">
      <RunHead run={run}>
        <AttemptChoice run={run} attempt={attempt} />
      </RunHead>
      <RunChart run={run} steps={steps} />
      <Timeline run={run} steps={steps} />
      <div className="run-parts">
        <Tabs.Root
          className="run-tabs"
          value={tab}
          onValueChange={(value) => change({ tab: value === 'events' ? null : value })}
        >
          <Tabs.List className="tabs" aria-label="parts of the run">
            {tabs.map((name) => (
              <Tabs.Trigger key={name} value={name}>
                {name}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
          <Tabs.Content className="tab" value={tab} tabIndex={-1}>
            {tab === 'events' ? <Events run={run} steps={steps} /> : null}
            {tab === 'logs' ? <Logs key={shown} run={run} attempt={shown} /> : null}
            {tab === 'artifacts' ? <Artifacts key={shown} run={run} attempt={shown} /> : null}
            {tab === 'configuration' ? <Configuration run={run} details={details} /> : null}
            {tab === 'attempts' ? <Attempts details={details} /> : null}
            {tab === 'code' ? <Code run={run} details={details} /> : null}
          </Tabs.Content>
        </Tabs.Root>
        <Curves run={run} attempt={shown} />
      </div>
    </div>
  );
}

/** `?at=` is the moment, so that what one sees can be sent to somebody. */
function useMomentInAddress(): void {
  const [, change] = useQuery();
  useEffect(() => {
    const [at = '', seq = ''] = (new URLSearchParams(location.search).get('at') ?? '').split('.');
    if (at === '') goLive();
    else goTo(Number(at), seq === '' ? null : Number(seq));
    let timer: number | undefined;
    const end = cursorStore.subscribe(({ moment }) => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => {
        const text =
          moment === null
            ? null
            : [moment.at, moment.seq].filter((each) => each !== null).join('.');
        change({ at: text });
      }, settleMs);
    });
    return () => {
      window.clearTimeout(timer);
      end();
    };
  }, [change]);
}
