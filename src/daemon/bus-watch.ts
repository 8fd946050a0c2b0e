/**
 * Looks after a bus that is connected and does not work all the same. A stream on a full disk stays dead
 * until its server restarts, and nobody is told: publishers see time-outs. A stream that somebody deleted
 * answers nobody at all. A server that was stopped keeps its connections.
 */
import { type Clock, every, type Logger } from '../telemetry/index.ts';

export type BusWatch = {
  /** What is wrong with it, or null. */
  trouble(): string | null;
  /** A publisher says why it cannot publish; null: it can. */
  heard(publisher: string, trouble: string | null): void;
  /** Looks now; by itself every half second. */
  look(): Promise<void>;
  close(): void;
};

export type BusWatchOptions = {
  connected: () => boolean;
  /** Names of streams that are missing. Throws when the bus does not answer. */
  missing: () => Promise<string[]>;
  /** Free bytes where the bus keeps its streams; null when it is not ours and we cannot know. */
  freeBytes: (() => number) | null;
  /** Gives the connection up: the next one makes what is missing. */
  rejoin: () => Promise<void>;
  /** Questions without an answer before the connection is given up; default 2. */
  patience?: number;
  /** Ends the server, so that the next connection starts it; null when it is not ours. */
  restart: (() => Promise<void>) | null;
  clock: Clock;
  log: Logger;
};

const lookMs = 500;
const askMs = 2000;
/** With less than this, a write of the server may have failed. */
const tightBytes = 4 * 2 ** 20;
/** With this much, it can go on. */
const roomyBytes = 8 * 2 ** 20;
/** So many questions without an answer, and the connection is given up. */
const unanswered = 2;
/** How long publishers fail on a bus that answers before its server is started anew, and how often. */
const patienceMs = 12_000;
const restartPauseMs = 60_000;
/**
 * What a stream says that is dead, or that has lost its files under a living server: nothing, or numbers that are
 * not what it has just said. A refusal has another cause, which a new server would have as well.
 */
const curable = /timeout|wrong last sequence|no message found|no such file/i;
/** Who is heard when streams cannot be looked at or made: nobody is connected then. */
export const joining = 'join';
/** A publisher that says nothing any more has ended. */
const forgottenMs = 10_000;

type Failing = { sinceMs: number; heardMs: number; text: string };

export function createBusWatch(options: BusWatchOptions): BusWatch {
  const { clock, log, restart, patience = unanswered } = options;
  const nowMs = (): number => clock.now().mono_ms;
  const failing = new Map<string, Failing>();
  /** The disk was full: streams may be dead. */
  let spoiled = false;
  let silent = 0;
  let askedMs = Number.NEGATIVE_INFINITY;
  let restartedMs = Number.NEGATIVE_INFINITY;
  let looking = false;

  const startAnew = async (why: string): Promise<void> => {
    log.warn({ why }, 'bus: its server is started anew');
    restartedMs = nowMs();
    failing.clear();
    await restart?.();
    await options.rejoin();
  };

  const lookAtDisk = async (): Promise<void> => {
    const free = options.freeBytes?.();
    if (free === undefined) return;
    if (free < tightBytes) spoiled = true;
    if (!spoiled || free < roomyBytes) return;
    spoiled = false;
    await startAnew('the disk was full, and streams on a full disk stay dead');
  };

  const ask = async (): Promise<void> => {
    if (!options.connected() || nowMs() - askedMs < askMs) return;
    askedMs = nowMs();
    try {
      const missing = await options.missing();
      silent = 0;
      if (missing.length === 0) return;
      log.error({ missing }, 'bus: streams are gone and are made anew');
      await options.rejoin();
    } catch {
      silent += 1;
      if (silent < patience) return;
      log.warn({}, 'bus: no answer, the connection is given up');
      await options.rejoin();
    }
  };

  const lookAtPublishers = async (): Promise<void> => {
    const now = nowMs();
    for (const [publisher, { heardMs }] of failing) {
      if (now - heardMs > forgottenMs) failing.delete(publisher);
    }
    if (restart === null || spoiled || now - restartedMs < restartPauseMs) return;
    const long = [...failing].find(
      ([publisher, { sinceMs, text }]) =>
        (options.connected() || publisher === joining) &&
        now - sinceMs > patienceMs &&
        curable.test(text),
    );
    if (long !== undefined) await startAnew(long[1].text);
  };

  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      await lookAtDisk();
      await ask();
      await lookAtPublishers();
    } catch (error) {
      log.error({ err: error }, 'bus could not be looked after');
    } finally {
      looking = false;
    }
  };
  const stop = every(clock, lookMs, () => void look());

  return {
    trouble() {
      if (spoiled) return 'its disk is full, publishing times out until there is space again';
      if (silent > 0) return 'it does not answer';
      const [first] = failing.values();
      return first === undefined ? null : `publishing fails: ${first.text}`;
    },
    heard(publisher, text) {
      if (text === null) failing.delete(publisher);
      else {
        const sinceMs = failing.get(publisher)?.sinceMs ?? nowMs();
        failing.set(publisher, { sinceMs, heardMs: nowMs(), text });
      }
    },
    look,
    close: stop,
  };
}
