/**
 * The one stream of this tab: what changes in the yard, and what pages subscribe to. It goes on by itself
 * from its position, after a break of the line, a restart of the daemon or the sleep of a laptop.
 */
import { ApiError, ask } from './api.ts';
import { sessionGone } from './session.ts';
import type { DaemonStatus, Gpu, LogChunk, MetricBatch, RunEvent, RunSummary } from './types.ts';

export type Wish = { kind: 'metrics' | 'logs' | 'runs' } & Readonly<Record<string, unknown>>;
/** A part of the stream. `wish` is asked at each begin, so that it can name the number to go on from. */
export type Subscription = {
  wish(): Wish;
  metrics?(batch: MetricBatch): void;
  logs?(chunk: LogChunk): void;
  runs?(runs: RunSummary[]): void;
  /** It failed, or is at its end. */
  ended?(error: { code: string; message: string } | null): void;
};
export type StreamListener = {
  /** `reset`: whatever is known is of another yard. */
  open(hello: { pos: number; reset: boolean }): void;
  lost(): void;
  transitions(events: RunEvent[]): void;
  runs(runs: RunSummary[]): void;
  health(health: DaemonStatus): void;
  gpus(gpus: Gpu[]): void;
};

const retryMs = { first: 250, most: 4000 };
/**
 * A timer that is this late means that the machine slept; its connections are dead and do not know it. Of a tab that
 * is hidden browsers let a timer go off once a minute.
 */
const sleptMs = 90_000;
const tickMs = 5000;
/** A browser has six connections for a host, and a tab that nobody sees needs none of them. */
const hiddenMs = 5000;
/** The daemon says something each 15 s: after such a silence the line is dead, whatever the browser thinks of it. */
const silentMs = 40_000;

export type Stream = {
  /** Returns the end of it. */
  subscribe(subscription: Subscription): () => void;
  close(): void;
};

export function openStream(listener: StreamListener): Stream {
  const subscriptions = new Map<string, Subscription>();
  let source: EventSource | null = null;
  let id = '';
  let pos: number | null = null;
  let wait = retryMs.first;
  let timer: number | undefined;
  let counted = 0;
  let heardMs = Date.now();
  let isAway = false;
  let leaving: number | undefined;
  /** Changes of subscriptions go out one after the other, so that none overtakes its own end. */
  let sending: Promise<unknown> = Promise.resolve();

  const send = (add: readonly string[], remove: readonly string[]): void => {
    const stream = id;
    if (stream === '') return;
    sending = sending
      .then(async () => {
        const wishes = add.flatMap((name) => {
          const found = subscriptions.get(name);
          return found === undefined ? [] : [{ id: name, ...found.wish() }];
        });
        if (stream !== id || (wishes.length === 0 && remove.length === 0)) return;
        await ask('POST /api/streams/:id/subscriptions', {
          params: { id: stream },
          body: { add: wishes, remove },
        });
      })
      .catch((error: unknown) => {
        // A stream that is over is opened again, with all of them; any other refusal is told.
        if (stream !== id || !(error instanceof ApiError) || error.code === 'unreachable') return;
        // One that is refused takes none of the others with it.
        if (add.length > 1) for (const name of add) send([name], []);
        else for (const name of add) subscriptions.get(name)?.ended?.(error);
      });
  };
  const connect = (): void => {
    window.clearTimeout(timer);
    source?.close();
    const query = pos === null ? '' : `?pos=${pos}`;
    const opened = new EventSource(`/api/stream${query}`);
    source = opened;
    heardMs = Date.now();
    const on = <T>(name: string, told: (data: T) => void): void => {
      opened.addEventListener(name, (event) => {
        if (source !== opened) return;
        heardMs = Date.now();
        told(JSON.parse((event as MessageEvent<string>).data) as T);
      });
    };
    on<{ stream: string; pos: number; reset: boolean }>('hello', (hello) => {
      id = hello.stream;
      pos = hello.pos;
      wait = retryMs.first;
      listener.open(hello);
      send([...subscriptions.keys()], []);
    });
    on<RunEvent[]>('transitions', (events) => {
      pos = events.at(-1)?.pos ?? pos;
      listener.transitions(events);
    });
    on<{ runs: RunSummary[]; sub?: string }>('runs', ({ runs, sub }) => {
      if (sub !== undefined) subscriptions.get(sub)?.runs?.(runs);
      listener.runs(runs);
    });
    on<object>('beat', () => undefined);
    on<DaemonStatus>('health', listener.health);
    on<{ gpus: Gpu[] }>('gpus', ({ gpus }) => listener.gpus(gpus));
    on<MetricBatch & { sub: string }>('metrics', ({ sub, ...batch }) => {
      subscriptions.get(sub)?.metrics?.(batch);
    });
    on<LogChunk & { sub: string }>('logs', ({ sub, ...chunk }) => {
      subscriptions.get(sub)?.logs?.(chunk);
    });
    on<{ sub: string; error?: { code: string; message: string } }>('sub_end', ({ sub, error }) => {
      subscriptions.get(sub)?.ended?.(error ?? null);
    });
    on<{ code: string }>('bye', ({ code }) => {
      if (code === 'unauthenticated') sessionGone();
      lost();
    });
    opened.onerror = () => {
      if (source === opened) lost();
    };
  };
  // EventSource would try again by itself, but not after a refusal, and not faster when the line is back.
  const lost = (): void => {
    source?.close();
    source = null;
    id = '';
    listener.lost();
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      // Tells a session that is over from a daemon that is not there.
      ask('GET /api/session').then(
        () => source === null && !isAway && connect(),
        () => source === null && !isAway && lost(),
      );
    }, wait);
    wait = Math.min(wait * 2, retryMs.most);
  };
  const now = (): void => {
    wait = retryMs.first;
    if (source === null && !isAway) connect();
  };
  /** Its position stays: what comes meanwhile is told when it is seen again. */
  const leave = (): void => {
    isAway = true;
    window.clearTimeout(timer);
    source?.close();
    source = null;
    id = '';
  };
  const seen = (): void => {
    window.clearTimeout(leaving);
    if (document.visibilityState === 'hidden') leaving = window.setTimeout(leave, hiddenMs);
    else if (isAway) {
      isAway = false;
      now();
    }
  };
  const offline = (): void => {
    if (source !== null) lost();
  };
  let lastTick = Date.now();
  const tick = window.setInterval(() => {
    const late = Date.now() - lastTick - tickMs;
    lastTick = Date.now();
    if (isAway) return;
    if (late > sleptMs) connect();
    else if (source !== null && Date.now() - heardMs > silentMs + Math.max(0, late)) lost();
  }, tickMs);
  window.addEventListener('online', now);
  window.addEventListener('offline', offline);
  document.addEventListener('visibilitychange', seen);
  connect();
  seen();
  return {
    subscribe(subscription) {
      counted += 1;
      const name = `${subscription.wish().kind}-${counted}`;
      subscriptions.set(name, subscription);
      send([name], []);
      return () => {
        subscriptions.delete(name);
        send([], [name]);
      };
    },
    close() {
      window.clearTimeout(timer);
      window.clearTimeout(leaving);
      window.clearInterval(tick);
      window.removeEventListener('online', now);
      window.removeEventListener('offline', offline);
      document.removeEventListener('visibilitychange', seen);
      source?.close();
      source = null;
    },
  };
}
