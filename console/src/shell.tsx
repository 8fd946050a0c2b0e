/** What is around every page: where one can go, how the yard is, and whether it is heard. */
import { Suspense } from 'react';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter';
import { useStore } from 'zustand';
import { errorText } from './data/api.ts';
import { logOut, sessionStore } from './data/session.ts';
import { endYard, useYard } from './data/yard.ts';
import { keysStore, useKeys } from './keys/keys.ts';
import { KeysOverlay } from './keys/overlay.tsx';
import { CompareView, RunsView, RunView, SubmitView, YardView } from './pages/index.ts';
import { Crash } from './ui/crash.tsx';
import { exact, Span } from './ui/marks.tsx';
import { Notes, note } from './ui/notes.tsx';
import { nextTheme, themeStore } from './ui/theme.ts';

const places = [
  { to: '/runs', label: 'Runs', keys: 'g r' },
  { to: '/compare', label: 'Compare', keys: 'g c' },
  { to: '/yard', label: 'Yard', keys: 'g y' },
  { to: '/submit', label: 'Submit', keys: 'g s' },
] as const;

export function Shell() {
  const [location, navigate] = useLocation();
  const { theme } = useStore(themeStore);
  useKeys([
    ...places.map(({ to, label, keys }) => ({
      keys,
      label: `go to ${label}`,
      run: () => navigate(to),
    })),
    { keys: 't', label: 'light, dark or as the system', run: nextTheme },
    { keys: '?', label: 'these keys', run: () => keysStore.setState({ open: true }) },
  ]);
  return (
    <div className="shell">
      <header className="top">
        <a className="skip" href="#page">
          to the page
        </a>
        <Link className="brand" href="/runs">
          Runyard
        </Link>
        <nav aria-label="pages">
          {places.map(({ to, label }) => (
            <Link
              key={to}
              href={to}
              aria-current={
                location.startsWith(to) || (to === '/runs' && location.startsWith('/run/'))
                  ? 'page'
                  : undefined
              }
            >
              {label}
            </Link>
          ))}
        </nav>
        <span className="push" />
        <YardLine />
        <button
          type="button"
          className="button bare"
          aria-label={`colours: ${theme}; change`}
          title={`colours: ${theme} (t)`}
          onClick={nextTheme}
        >
          {theme === 'light' ? '☀' : theme === 'dark' ? '☾' : '◐'}
        </button>
        <button
          type="button"
          className="button bare"
          aria-label="keys"
          title="keys (?)"
          onClick={() => keysStore.setState({ open: true })}
        >
          ?
        </button>
        <button
          type="button"
          className="button bare"
          title="end this session in all tabs"
          onClick={() => void leave()}
        >
          Log out
        </button>
      </header>
      <Lost />
      <main className="page" id="page" tabIndex={-1}>
        <Crash key={location}>
          <Suspense fallback={<p className="empty quiet">loading …</p>}>
            <Switch>
              <Route path="/runs" component={RunsView} />
              <Route path="/run/:run">{({ run }) => <RunView key={run} run={run} />}</Route>
              <Route path="/compare" component={CompareView} />
              <Route path="/yard" component={YardView} />
              <Route path="/submit" component={SubmitView} />
              <Route path="/">
                <Redirect to="/runs" replace />
              </Route>
              <Route>
                <div className="empty">
                  <h1>There is no such page</h1>
                  <Link href="/runs">to the runs</Link>
                </div>
              </Route>
            </Switch>
          </Suspense>
        </Crash>
      </main>
      <KeysOverlay />
      <Notes />
    </div>
  );
}

async function leave(): Promise<void> {
  try {
    await logOut();
    endYard();
  } catch (error) {
    note(errorText(error), true);
  }
}

/** How the yard is, in a few words. */
function YardLine() {
  const health = useYard((state) => state.health);
  const { role } = useStore(sessionStore);
  if (health === null) return null;
  const isWell = health.status === 'ok';
  const [reason] = health.reasons;
  return (
    <div className="yard">
      {role === 'viewer' ? (
        <span title="this session may look and change nothing">viewer</span>
      ) : null}
      <span>{health.runs_live} live</span>
      <span>{health.runs_queued} waiting</span>
      {health.gpus_total > 0 ? (
        <span>
          {health.gpus_free} of {health.gpus_total} GPUs free
        </span>
      ) : null}
      <Link href="/yard" title={reason?.text ?? 'the yard is well'}>
        <span className="state" data-status={isWell ? 'completed' : 'failed'}>
          {isWell ? '✓' : '✗'} {health.yard}
          {isWell ? '' : `: ${reason?.text.slice(0, 60) ?? health.status}`}
        </span>
      </Link>
    </div>
  );
}

function Lost() {
  const since = useYard((state) => state.lostSince);
  if (since === null) return <div />;
  const at = new Date(since).toISOString();
  return (
    <div className="lost" role="alert">
      Connection lost since {exact(at).slice(11, 19)} (<Span from={at} to="" />
      ). Runs go on; this page goes on by itself once the daemon answers.
    </div>
  );
}
