/**
 * Tells the users' commands of runs: at least once each, with an id by which a hook can tell what it had already.
 * Transitions are looked through behind a durable position; what is owed is written down before the position moves,
 * and crossed out once its hook ended well. Nobody waits for a hook.
 */
import os from 'node:os';
import { summaryOf } from '../../actors/index.ts';
import type { NotifyMessage, Settings } from '../../contracts/index.ts';
import { failpoint } from '../../failpoints.ts';
import { groupText, runHook, runText } from '../../notify/index.ts';
import type { RunStore } from '../../persistence/index.ts';
import { runDir } from '../../rundir/index.ts';
import { type Clock, every, type Logger } from '../../telemetry/index.ts';
import { type Due, forgetLedger, type Ledger, readLedger, writeLedger } from './ledger.ts';
import { type Hook, hooksOf, owedFor, owedWaiting } from './owed.ts';

export type Notifying = {
  start(): void;
  /** There are new transitions on the disk. */
  wake(): void;
  /** What hooks could not be told, or null. */
  trouble(): string | null;
  /** Ends hooks that run; they are told again by the next daemon. */
  close(): Promise<void>;
};

export type NotifyingOptions = {
  root: string;
  settings: Settings;
  env: NodeJS.ProcessEnv;
  store: RunStore;
  durablePos: () => number;
  /** Why a run waits, or goes on as it does. */
  why: (runId: string) => string;
  clock: Clock;
  log: Logger;
};

const pageRows = 256;
const atOnce = 4;
const waitingEveryMs = 15_000;
const timeoutDefaultS = 30;
/** From the first failure to the second attempt; each further wait is twice as long. */
const retryMs = 5000;
const retryMostMs = 600_000;
const triesMost = 10;
/** More than this owed at once is a flood that nobody reads: the oldest is dropped, and counted. */
const dueMost = 2000;

export function createNotifying(options: NotifyingOptions): Notifying {
  const { store, clock, log, settings } = options;
  const hooks = hooksOf(settings);
  const running = new Map<Due, Promise<void>>();
  const stop = new AbortController();
  let ledger: Ledger | null = null;
  let failure: { hook: string; text: string } | null = null;
  let callOff: () => void = () => undefined;

  const nowMs = (): number => clock.now().wall_ms;
  const keep = (): boolean => {
    if (ledger === null) return false;
    try {
      writeLedger(store, ledger);
      return true;
    } catch (error) {
      log.warn({ err: error }, 'what is to be notified could not be stored');
      return false;
    }
  };
  const owe = (owed: readonly Due[]): void => {
    if (ledger === null || owed.length === 0) return;
    ledger.due.push(...owed);
    const tooMany = ledger.due.length - dueMost;
    if (tooMany > 0) {
      ledger.due = ledger.due.slice(tooMany);
      ledger.lost += tooMany;
    }
  };

  const look = (): void => {
    if (ledger === null || stop.signal.aborted) return;
    try {
      const book = ledger;
      const upto = options.durablePos();
      const events = store.yardEvents(ledger.pos, upto, pageRows);
      const owed = events.flatMap((event) => owedFor(event, store, hooks, book));
      owe(owed);
      const last = events.at(-1)?.pos;
      if (last !== undefined) {
        ledger.pos = last;
        // Else it is stored with what comes, or at the next look for those that wait: looking again finds the same.
        if (owed.length > 0) {
          keep();
          failpoint('notify.owed');
        }
      }
      // One page a turn: a long history holds up nobody.
      if (events.length === pageRows) setImmediate(look);
    } catch (error) {
      log.warn({ err: error }, 'transitions could not be looked through for notifications');
    }
    deliver();
  };

  const lookForWaiting = (): void => {
    if (ledger === null) return;
    try {
      for (const hook of hooks.filter(({ on }) => on.includes('waiting')))
        owe(owedWaiting(store, hook, ledger, nowMs()));
      keep();
    } catch (error) {
      log.warn({ err: error }, 'runs that wait could not be looked through');
    }
    deliver();
  };

  const deliver = (): void => {
    if (ledger === null || stop.signal.aborted) return;
    for (const due of ledger.due) {
      if (running.size >= atOnce) return;
      if (running.has(due) || due.notBefore > nowMs()) continue;
      const told = tell(due).finally(() => {
        running.delete(due);
        deliver();
      });
      running.set(due, told);
    }
  };

  const tell = async (due: Due): Promise<void> => {
    const hook = hooks.find(({ key }) => key === due.hook);
    const message = hook === undefined ? null : messageOf(due);
    // The hook was taken out of the settings, the run removed, or it waits no more.
    if (hook === undefined || message === null) return settle(due);
    const { command, timeout_s: timeoutS = timeoutDefaultS } = hook;
    const { env } = options;
    const end = await runHook({ command, timeoutS }, message, { env, signal: stop.signal });
    if (stop.signal.aborted) return;
    failpoint('notify.told');
    if (end === null) {
      if (failure?.hook === hook.key) failure = null;
      return settle(due);
    }
    failure = { hook: hook.key, text: `${command[0]} ${end}` };
    log.warn({ hook: command[0], id: due.id, why: end }, 'a notification failed');
    due.tries += 1;
    if (due.tries >= triesMost) {
      if (ledger !== null) ledger.lost += 1;
      return settle(due);
    }
    due.notBefore = nowMs() + Math.min(retryMostMs, retryMs * 2 ** (due.tries - 1));
    keep();
    clock.after(due.notBefore - nowMs(), deliver);
  };

  const settle = (due: Due): void => {
    if (ledger === null) return;
    ledger.due = ledger.due.filter((other) => other !== due);
    keep();
  };

  const messageOf = (due: Due): NotifyMessage | null => {
    const row = store.run(due.run);
    if (row === undefined || (due.event === 'waiting' && row.status !== 'queued')) return null;
    const live = { why: options.why(due.run), heartbeat: null, lastMetric: null };
    const run = summaryOf(row, runDir(options.root, due.run), live);
    const { id, event, at } = due;
    const about = { v: 1 as const, id, at, yard: settings.yard, host: os.hostname() };
    if (event !== 'group') {
      const text =
        event === 'waiting' ? `${run.name} (${run.run_id}) still waits: ${run.why}` : runText(run);
      return { ...about, event: event as Hook['on'][number], text, run };
    }
    const counts = store.groupCounts(due.group);
    const group = {
      name: due.group,
      runs: counts.reduce((sum, { runs }) => sum + runs, 0),
      by_status: Object.fromEntries(counts.map(({ status, runs }) => [status, runs])),
    };
    return { ...about, event: 'group', text: groupText(group), group };
  };

  const begin = (): void => {
    if (hooks.length === 0) {
      forgetLedger(store);
      return;
    }
    ledger = readLedger(store) ?? {
      pos: store.lastPos(),
      waited: {},
      due: [],
      lost: 0,
      groups: [],
    };
    keep();
    callOff = every(clock, waitingEveryMs, lookForWaiting);
    lookForWaiting();
    look();
  };

  return {
    start() {
      try {
        begin();
      } catch (error) {
        log.error({ err: error }, 'nobody is notified: the registry could not be read');
      }
    },
    wake: () => void (ledger !== null && setImmediate(look)),
    trouble() {
      if (failure === null) return null;
      const waits = ledger?.due.length ?? 0;
      const lost = ledger?.lost ?? 0;
      const more = [
        ...(waits > 0 ? [`${waits} notifications wait and are tried again`] : []),
        ...(lost > 0 ? [`${lost} were given up`] : []),
      ];
      return [failure.text, ...more].join('; ');
    },
    async close() {
      stop.abort();
      callOff();
      await Promise.all(running.values());
    },
  };
}
