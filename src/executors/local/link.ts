/**
 * The daemon's end of one attempt: finds its worker, or makes one, and talks to it over the socket in
 * the attempt's directory. Silence alone never replaces a worker: only a dead identity does.
 */
import { messageOf } from '../../errors.ts';
import { failpoint } from '../../failpoints.ts';
import type { Clock, Logger } from '../../telemetry/index.ts';
import type { ExecutorEvents, Fact, Wish } from '../executor.ts';
import type { Pool, PoolWorker } from './pool.ts';
import type { Dial, Socket } from './socket.ts';

export type LinkOptions = {
  runId: string;
  attempt: number;
  /** The attempt's directory. */
  dir: string;
  pool: Pool;
  events: ExecutorEvents;
  clock: Clock;
  dial: Dial;
  /** Where the live worker of the attempt listens; null when there is none. */
  listening: (dir: string) => string | null;
  /** Kills the live worker of the attempt; false when there is none. */
  killWorker: (dir: string) => boolean;
  /** Writes the configuration of a worker of this generation; returns its path. */
  writeWorkerConfig: (generation: number, launch: Permission) => string;
  /** Resolves when all that was committed before is on the disk. */
  synced: () => Promise<void>;
  log: Logger;
};

export type Link = {
  /** Assigns a worker, unless one has the attempt already. */
  ensure(): void;
  wish(wish: Wish): void;
  /** An attempt that was not started may be, from now on or as soon as that is permitted. */
  mayLaunch(when: 'told' | 'now'): void;
  /** Lets go of the worker, which goes on. */
  close(): void;
  /** The same for good: the worker is told that nothing more of the attempt is wanted. */
  release(): void;
};

/** What a worker says over its socket, a JSON line each. */
type Incoming =
  | { type: 'fact'; fact: Fact }
  | { type: 'beat'; at: string; last_metric: string | null; bus_trouble?: string | null };

/** As in the worker's configuration (src/worker/config.ts). */
export type Permission = 'told' | 'never';

/** Doubled each time, until there is a worker again. */
const retryMs = { first: 100, most: 1000 };
/** A worker that is to kill and has said nothing for this long is itself killed, and replaced. */
const deafMs = 3000;
const endings: readonly string[] = ['terminate', 'kill'];

export function createLink(options: LinkOptions): Link {
  const { runId, attempt, dir, pool, events, clock, log } = options;
  let socket: Socket | null = null;
  let wanted: Wish | null = null;
  let callOff: (() => void) | null = null;
  /** True while a worker of our own pool has the attempt. */
  let assigned = false;
  let closed = false;
  let over = false;
  let launch: Permission | 'now' = 'never';
  let worker: PoolWorker | null = null;
  /** The newest generation that we gave, until it is on the disk. Those of earlier daemons are. */
  let unsynced: number | null = null;
  /** When its worker last said anything, or was first spoken to. */
  let heardAt = clock.now().mono_ms;
  let forgive: (() => void) | null = null;
  /** The last thing that went wrong, told once. */
  let complaint = '';
  let retry = retryMs.first;

  const later = (): void => {
    if (closed || callOff !== null) return;
    callOff = clock.after(retry, () => {
      callOff = null;
      guarded(find);
    });
    retry = Math.min(retryMs.most, retry * 2);
  };

  /** What is done for nobody who waits: a full disk must not end the daemon, and passes. */
  const guarded = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      if (messageOf(error) !== complaint) log.warn({ runId, attempt, err: error }, 'worker: again');
      complaint = messageOf(error);
      later();
    }
  };

  /** Connects to a live worker, else assigns one. */
  const find = (): void => {
    if (closed || socket !== null) return;
    const at = options.listening(dir);
    if (at !== null) connect(at);
    else if (!assigned) assign();
    else later();
  };

  /** The registry or the disk may refuse, and nobody is there to be told: it is tried again. */
  const assign = (): void => {
    try {
      assignNow();
    } catch (error) {
      log.warn({ runId, attempt, err: error }, 'no worker could be assigned');
      later();
    }
  };

  const assignNow = (): void => {
    const generation = events.nextGeneration(runId, attempt);
    failpoint('assign.numbered');
    // Once its end is wished, nothing is started any more.
    const ending = wanted !== null && endings.includes(wanted.kind);
    // Before a worker is taken: it may not be possible to write it. It waits for the word, because the
    // generation may be all that a power loss leaves of an attempt that has run.
    const permission = ending || launch === 'never' ? 'never' : 'told';
    const config = options.writeWorkerConfig(generation, permission);
    failpoint('assign.written');
    const acquired = pool.acquire();
    worker = acquired;
    assigned = true;
    unsynced = generation;
    settle(generation);
    log.debug({ runId, attempt, generation, pid: acquired.pid }, 'worker assigned');
    acquired.assign(
      config,
      (word) => {
        if (word.type === 'attached') {
          connect(word.socket);
          if (over) sayOver();
        }
        // Another worker reads this attempt: it is to be found by its file.
        if (word.type === 'refused' || word.type === 'idle') {
          forgetWorker();
          if (word.type === 'refused') later();
          else replace();
        }
      },
      () => {
        forgetWorker();
        later();
      },
    );
    failpoint('assign.sent');
  };

  const settle = (generation: number): void => {
    if (closed || unsynced !== generation) return;
    options.synced().then(
      () => {
        if (unsynced !== generation) return;
        unsynced = null;
        if (launch === 'now') sayGo();
      },
      () => clock.after(retryMs.most, () => settle(generation)),
    );
  };

  /** Our own worker hears it at once; another one by its socket. */
  const sayGo = (): void => {
    worker?.go();
    write({ type: 'go' });
  };

  /** It let go of an attempt that is not over. Its file still names it: not to be found, but replaced. */
  const replace = (): void => {
    if (closed) return;
    clock.after(retryMs.first, () => {
      if (!closed && socket === null && !assigned) assign();
    });
  };

  const forgetWorker = (): void => {
    assigned = false;
    worker = null;
  };

  const connect = (at: string): void => {
    if ((closed && !over) || socket !== null) return;
    heardAt = clock.now().mono_ms;
    const opened = options.dial(at, {
      connected: () =>
        guarded(() => {
          if (over) return;
          retry = retryMs.first;
          write({ type: 'hello', generation: events.generation(runId, attempt) });
          if (wanted !== null) write({ type: 'wish', wish: wanted });
          else if (launch === 'now' && unsynced === null) write({ type: 'go' });
        }),
      line: (line) => guarded(() => receive(JSON.parse(line) as Incoming)),
      closed() {
        if (socket === opened) socket = null;
        later();
      },
    });
    socket = opened;
  };

  /**
   * A frozen worker must not keep its trainer alive. It beats each second: one that is silent although
   * it has to kill is dead to us, and only after we killed it may another one have the attempt.
   */
  const insist = (): void => {
    forgive = clock.after(deafMs, () => {
      if (closed || wanted?.kind !== 'kill') return;
      if (clock.now().mono_ms - heardAt > deafMs && options.killWorker(dir)) {
        log.warn(
          { runId, attempt },
          'a worker that did not answer was killed: another one takes over',
        );
      }
      insist();
    });
  };

  const receive = (message: Incoming): void => {
    if (closed) return;
    heardAt = clock.now().mono_ms;
    if (message.type === 'fact') {
      failpoint('fact.received');
      if (!events.onFact(message.fact)) return;
      failpoint('fact.applied');
      write({ type: 'ack', n: message.fact.n });
      failpoint('fact.acked');
      return;
    }
    const { at, last_metric: lastMetric, bus_trouble: busTrouble = null } = message;
    events.onBeat({ runId, attempt, at, lastMetric, busTrouble });
  };

  const write = (message: object): void => {
    socket?.write(JSON.stringify(message));
  };

  /** It may have a fact that nobody is left to take, and would wait for that. */
  const sayOver = (): void => {
    const last = socket;
    write({ type: 'over' });
    clock.later(() => last?.end());
  };

  const close = (): void => {
    closed = true;
    callOff?.();
    forgive?.();
    // After what is being said now: the acknowledgement of the last fact must still get out.
    const last = socket;
    clock.later(() => last?.end());
  };

  return {
    ensure() {
      if (!assigned && socket === null) guarded(find);
    },
    wish(wish) {
      wanted = wish;
      write({ type: 'wish', wish });
      if (wish.kind === 'kill' && forgive === null) insist();
    },
    mayLaunch(when) {
      launch = when;
      if (when === 'now' && unsynced === null) sayGo();
    },
    close,
    release() {
      over = true;
      const at = socket === null ? options.listening(dir) : null;
      if (at !== null) connect(at);
      sayOver();
      close();
    },
  };
}
