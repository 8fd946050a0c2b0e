/** What this tab knows of the yard: runs by id, how the daemon is, and whether it hears from it. */
import { useStore } from 'zustand';
import { createStore } from 'zustand/vanilla';
import { ApiError, ask, errorText } from './api.ts';
import { moved } from './state.ts';
import { openStream, type Stream, type Subscription } from './stream.ts';
import type { DaemonStatus, Gpu, RunEvent, RunSummary } from './types.ts';

export type YardState = {
  /** A new map with each change; a run's summary is a new object only when that run changed. */
  runs: ReadonlyMap<string, RunSummary>;
  /** Ids of runs that were removed while this tab was open. */
  removed: ReadonlySet<string>;
  /** The first pages of runs are here. */
  loaded: boolean;
  loadError: string;
  /** For the next page of older runs; empty when there are none. */
  older: string;
  health: DaemonStatus | null;
  gpus: readonly Gpu[];
  /** Milliseconds since the epoch; null while the line is up. */
  lostSince: number | null;
};

const pageRuns = 1000;
/** Loaded without being asked; more by "older runs". */
const pagesAtFirst = 3;

const fresh: YardState = {
  runs: new Map(),
  removed: new Set(),
  loaded: false,
  loadError: '',
  older: '',
  health: null,
  gpus: [],
  lostSince: null,
};

export const yardStore = createStore<YardState>(() => fresh);

export function useYard<T>(select: (state: YardState) => T): T {
  return useStore(yardStore, select);
}

type Hearing = (events: RunEvent[]) => void;
const hearings = new Map<string, Set<Hearing>>();
let stream: Stream | null = null;

/** Opens the stream first and loads then: what changes meanwhile is told by the stream. */
export function startYard(): void {
  if (stream !== null) return;
  stream = openStream({
    open({ reset }) {
      if (reset) yardStore.setState(fresh);
      yardStore.setState({ lostSince: null });
      if (!yardStore.getState().loaded) void loadRuns();
    },
    lost() {
      if (yardStore.getState().lostSince === null) yardStore.setState({ lostSince: Date.now() });
    },
    transitions,
    runs: take,
    health: (health) => yardStore.setState({ health }),
    gpus: (gpus) => yardStore.setState({ gpus }),
  });
}

/** For good: somebody logged out. */
export function endYard(): void {
  stream?.close();
}

export function subscribe(subscription: Subscription): () => void {
  return stream?.subscribe(subscription) ?? (() => undefined);
}

/** Hears of one run's transitions. Returns the end of it. */
export function hear(run: string, hearing: Hearing): () => void {
  const own = hearings.get(run) ?? new Set();
  hearings.set(run, own.add(hearing));
  return () => {
    own.delete(hearing);
    if (own.size === 0) hearings.delete(run);
  };
}

/** Summaries from anywhere: of each run the later one is kept. */
export function take(runs: readonly RunSummary[]): void {
  const { runs: known, removed } = yardStore.getState();
  const next = new Map(known);
  for (const run of runs) {
    const before = next.get(run.run_id);
    if (removed.has(run.run_id) || (before !== undefined && before.last_seq > run.last_seq))
      continue;
    next.set(run.run_id, run);
  }
  yardStore.setState({ runs: next });
}

/** Where a run is now is shown at once; its summary, which comes more rarely, follows with the rest. */
function transitions(events: readonly RunEvent[]): void {
  const { runs, removed } = yardStore.getState();
  const next = new Map(runs);
  const gone = new Set(removed);
  for (const event of events) {
    const { run_id: id, seq, to } = event;
    const before = next.get(id);
    if (to === 'deleted') {
      next.delete(id);
      gone.add(id);
    } else if (before !== undefined && before.last_seq < seq) next.set(id, moved(before, event));
  }
  yardStore.setState({ runs: next, ...(gone.size === removed.size ? {} : { removed: gone }) });
  for (const [run, own] of Map.groupBy(events, ({ run_id: id }) => id)) {
    for (const hearing of hearings.get(run) ?? []) hearing(own);
  }
}

async function loadRuns(): Promise<void> {
  try {
    let after = '';
    for (let page = 0; page < pagesAtFirst; page += 1) {
      after = await loadPage(after);
      if (after === '') break;
    }
    yardStore.setState({ loaded: true, loadError: '' });
  } catch (error) {
    // What cannot be reached is loaded at the next `open`.
    if (error instanceof ApiError && error.code === 'unreachable') return;
    yardStore.setState({ loadError: errorText(error) });
  }
}

async function loadPage(after: string): Promise<string> {
  const query = { all: true, limit: pageRuns, after };
  const { runs, next } = await ask('GET /api/runs', { query });
  take(runs);
  yardStore.setState({ older: next });
  return next;
}

/** The next page. Throws ApiError. */
export async function loadOlder(): Promise<void> {
  const { older } = yardStore.getState();
  if (older !== '') await loadPage(older);
}
