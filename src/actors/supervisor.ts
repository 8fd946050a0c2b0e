/**
 * One root actor per run in a map of our own (a parent machine with ten thousand children would be
 * quadratic). The supervisor commits their transitions, feeds them facts and grants, and lets go of
 * them when they are done. It decides nothing: the chart does, and the allocator.
 */
import { type Actor, createActor } from 'xstate';
import type { Fate } from '../allocator/index.ts';
import { RunyardError } from '../errors.ts';
import type { Fact } from '../executors/index.ts';
import { failpoint } from '../failpoints.ts';
import {
  type RunContext,
  type RunEvent,
  type RunInput,
  type runMachine,
  runMachineVersion,
  stateOf,
} from '../machines/index.ts';
import type { FactMark, RunRow, RunStore } from '../persistence/index.ts';
import type { Clock, Logger } from '../telemetry/index.ts';
import { durable } from './durable.ts';
import { eventOfFact } from './facts.ts';
import type { EndFile } from './past-end.ts';
import { createQueue, type Yard } from './queue.ts';
import { type Asked, requestOf } from './requests.ts';
import { retriedOf, waitOf } from './retrying.ts';
import { detailOf, eventName, rowOf, submitDetail } from './rows.ts';
import { upgraded } from './snapshots.ts';
import { createTookMs } from './took.ts';

type Machine = typeof runMachine;
type Entry = {
  readonly runId: string;
  readonly actor: Actor<Machine>;
  seq: number;
  attempt: number;
  /** Of its submit, in the yard's order. */
  readonly position: number;
  /** The fact being applied: marked in the transaction of the transition that it causes. */
  fact: FactMark | null;
  /** Why the last commit was refused, until somebody was told. */
  refused: unknown;
};

export type SupervisorOptions = {
  store: RunStore;
  clock: Clock;
  log: Logger;
  machine: () => Machine;
  /** What the yard has to give now. */
  yard: () => Yard;
  /** Why no waiting run is started for now, e.g. a full disk; null: nothing is in the way. */
  hold?: () => string | null;
  /** Told of each committed transition. */
  committed: (transition: {
    runId: string;
    pos: number;
    done: boolean;
    /** How an attempt ended that another one follows. */
    retried: EndFile | null;
    from: string;
    to: string;
    /** Milliseconds from the event to the commit; null: it was no chart's. */
    tookMs: number | null;
  }) => void;
};

export type Supervisor = ReturnType<typeof createSupervisor>;

export type NewRun = {
  row: Omit<RunRow, 'last_seq' | 'snapshot' | 'state' | 'status'>;
  input: RunInput;
};

/** How long after a refused commit the run is rebuilt from what was committed last. */
const rebuildMs = 1000;

export function createSupervisor(options: SupervisorOptions) {
  const { store, clock, log } = options;
  const entries = new Map<string, Entry>();
  let closed = false;
  /** Runs that stay out of line, and how many want that. */
  const aside = new Map<string, number>();
  const queue = createQueue({
    yard: options.yard,
    grant: (runId, slots) => send(runId, { type: 'run.grant', slots }),
    reject: ({ runId }, text) =>
      send(runId, { type: 'run.refuse', code: 'dependency_failed', text }),
    refused: (runId, error) => log.warn({ runId, err: error }, 'a grant was not stored'),
    fate: (runId) => fateOf(store.run(runId)),
    nowMs: () => clock.now().wall_ms,
    monoMs: () => clock.now().mono_ms,
    later: clock.later,
    after: clock.after,
    hold: options.hold ?? (() => null),
    tookMs: createTookMs(store, clock),
  });

  const wait = (runId: string): void => {
    if (!aside.has(runId)) queue.wait(runId);
  };

  const enter = (
    row: RunRow,
    position: number,
    make: (machine: Machine) => Actor<Machine>,
  ): Entry => {
    const machine = durable(
      options.machine(),
      ({ after, event, beganMs }) =>
        commit(entry, after as ReturnType<Actor<Machine>['getSnapshot']>, event, beganMs),
      (event, error) => refuse(entry, event, error),
    );
    const entry: Entry = {
      runId: row.run_id,
      actor: make(machine),
      seq: row.last_seq,
      attempt: row.attempt,
      position,
      fact: null,
      refused: null,
    };
    entries.set(row.run_id, entry);
    const { started_at: since } = row;
    queue.know(requestOf(row, position), since === null ? null : Date.parse(since));
    queue.promise(JSON.parse(row.gpu_slot) as string[], row.run_id);
    const { context } = entry.actor.getSnapshot();
    if (context.attempt > 1) queue.backOff(row.run_id, waitOf(context, clock.now()));
    if (row.state === 'queued') wait(row.run_id);
    entry.actor.subscribe({ error: (error) => refuse(entry, { type: 'chart' }, error) });
    return entry;
  };

  const commit = (
    entry: Entry,
    after: ReturnType<Actor<Machine>['getSnapshot']>,
    event: { type: string },
    beganMs: number,
  ): void => {
    const before = entry.actor.getSnapshot();
    const { runId } = entry;
    const at = clock.iso();
    const [from, to] = [stateOf(before), stateOf(after)];
    const persisted = entry.actor.logic.getPersistedSnapshot(after);
    const done = to.startsWith('done.');
    failpoint('commit.before');
    const pos = store.commit(
      runId,
      entry.seq + 1,
      {
        at,
        attempt: before.context.attempt,
        event: eventName(event),
        from,
        to,
        detail: detailOf(event, { before, after }),
        machineVersion: runMachineVersion,
      },
      rowOf({ before, after, event, at, snapshot: done ? null : JSON.stringify(persisted) }),
      entry.fact,
    );
    failpoint('commit.after');
    const tookMs = performance.now() - beganMs;
    entry.fact = null;
    entry.seq += 1;
    entry.attempt = after.context.attempt;
    log.debug({ runId, event: event.type, from, to }, 'transition');
    try {
      settle(entry, to, after.context);
    } catch (error) {
      // It is committed, whatever cannot be read now.
      refuse(entry, event, error);
    }
    const retried = retriedOf(before, after, at);
    options.committed({ runId, pos, done, retried, from, to, tookMs });
  };

  /** Brings the supervisor's own view in line with a state that was just committed. */
  const settle = (entry: Entry, to: string, context: RunContext): void => {
    const { runId } = entry;
    const { slots, hold } = context;
    queue.hold(runId, hold == null ? null : { by: hold.user, reason: hold.reason });
    if (to !== 'queued') queue.leave(runId);
    if (to === 'queued' || to.startsWith('done.')) {
      queue.takeBack(runId);
      setAside();
      queue.schedule();
    } else {
      queue.promise(slots, runId);
    }
    if (to === 'queued' && context.attempt > 1) queue.backOff(runId, waitOf(context, clock.now()));
    if (to === 'queued') wait(runId);
    if (to.startsWith('done.')) {
      entries.delete(runId);
      queue.forget(runId);
      // Not within its own transition.
      clock.later(() => entry.actor.stop());
    }
  };

  /** Slots whose holders do not die are nobody's, although their runs are done. */
  const setAside = (): void => {
    for (const { slot, run_id } of store.quarantined())
      queue.setAside(slot, `set aside: what run ${run_id} left on it does not die`);
  };

  const refuse = (entry: Entry, event: { type: string }, error: unknown): void => {
    const { runId } = entry;
    entry.refused = error;
    log.error({ runId, event: event.type, err: error }, 'transition could not be committed');
    clock.after(rebuildMs, () => rebuild(entry));
  };

  /** Starts over from the last commit: effects begin again and find what was done. */
  const rebuild = (entry: Entry): void => {
    if (closed || entries.get(entry.runId) !== entry) return;
    let row: RunRow | undefined;
    try {
      row = store.run(entry.runId);
    } catch {
      // A registry that cannot be read either: the run waits for it.
      clock.after(rebuildMs, () => rebuild(entry));
      return;
    }
    entry.actor.stop();
    entries.delete(entry.runId);
    queue.forget(entry.runId);
    if (row !== undefined && row.snapshot !== null) restore(row, entry.position);
    queue.schedule();
  };

  const restore = (row: RunRow, position: number): void => {
    // Through JSON: restoring mutates what it is given.
    const snapshot = upgraded(row.run_id, row.machine_version, JSON.parse(row.snapshot ?? 'null'));
    const expected = Object.keys(snapshot.children);
    const entry = enter(row, position, (machine) =>
      createActor(machine, { snapshot: snapshot as never, input: undefined as never }),
    );
    const found = Object.keys(entry.actor.getSnapshot().children);
    if (found.length !== expected.length) {
      throw new RunyardError('internal', `run ${row.run_id}: effects ${expected} became ${found}`);
    }
    entry.actor.start();
  };

  /** Sends an event. Throws when its transition could not be committed. */
  const send = (runId: string, event: RunEvent): boolean => {
    const entry = entries.get(runId);
    if (entry === undefined) return false;
    entry.refused = null;
    entry.actor.send(event);
    if (entry.refused !== null) {
      const cause = entry.refused;
      const code = cause instanceof RunyardError ? cause.code : 'registry_unavailable';
      throw new RunyardError(code, `${event.type} of run ${runId} was not stored`, { cause });
    }
    return true;
  };

  return {
    /** Stores new runs, all or none, and starts their charts. Synchronous; not yet synced to disk. */
    addAll(runs: readonly NewRun[]): void {
      const made: { entry: Entry; pos: number }[] = [];
      const begun: string[] = [];
      try {
        store.insertAll((insert) => {
          for (const { row, input } of runs) {
            const draft: RunRow = {
              ...row,
              last_seq: 1,
              snapshot: null,
              state: 'queued',
              status: 'queued',
            };
            begun.push(row.run_id);
            const entry = enter(draft, store.lastPos() + 1, (machine) =>
              createActor(machine, { input }),
            );
            const snapshot = JSON.stringify(entry.actor.getPersistedSnapshot());
            const pos = insert(
              { ...draft, snapshot },
              {
                at: row.submitted_at,
                attempt: 1,
                event: 'run.submit',
                from: '',
                to: 'queued',
                detail: submitDetail(row.user, input),
                machineVersion: runMachineVersion,
              },
            );
            made.push({ entry, pos });
          }
        });
      } catch (error) {
        for (const runId of begun) {
          entries.delete(runId);
          queue.forget(runId);
        }
        throw error;
      }
      for (const { entry, pos } of made) {
        entry.actor.start();
        const told = { done: false, retried: null, from: '', to: 'queued', tookMs: null };
        options.committed({ runId: entry.runId, pos, ...told });
      }
      queue.schedule();
    },

    /** Takes up every unfinished run of the registry; `seen` is shown each of them first. */
    recover(seen: (row: RunRow) => void = () => undefined): number {
      const rows = store.unfinished();
      setAside();
      for (const row of rows) {
        seen(row);
        restore(row, row.position);
      }
      queue.schedule();
      return rows.length;
    },

    send,

    /** Applies a worker's fact once and in order. True when it may be acknowledged. */
    applyFact(fact: Fact): boolean {
      const { run_id: runId, attempt, generation, n } = fact;
      const entry = entries.get(runId);
      if (entry === undefined || attempt < entry.attempt) return true;
      const row = store.attempt(runId, attempt);
      if (row?.generation !== generation) {
        log.warn({ runId, attempt, generation, n }, 'fact of another worker generation refused');
        return false;
      }
      if (n <= row.fact_n) return true;
      if (n !== row.fact_n + 1) return false;
      const event = eventOfFact(fact, clock.now());
      if (event === null) {
        log.error({ runId, fact: fact.fact }, 'invalid fact refused');
        return false;
      }
      const mark = { attempt, generation, n };
      entry.fact = mark;
      try {
        send(runId, event);
        // It changed nothing in the chart, and must not come again.
        if (entry.fact === mark) store.markFact(runId, mark);
        return true;
      } catch (error) {
        log.error({ runId, err: error }, 'fact could not be applied');
        return false;
      } finally {
        entry.fact = null;
      }
    },

    /**
     * Keeps runs out of line, those too that come into it meanwhile, until the returned function is called: none of
     * them starts before all who asked for that have called it.
     */
    standAside(runIds: readonly string[]): () => void {
      for (const runId of runIds) {
        aside.set(runId, (aside.get(runId) ?? 0) + 1);
        queue.skip(runId);
      }
      return () => {
        for (const runId of runIds) {
          const others = (aside.get(runId) ?? 1) - 1;
          if (others > 0) aside.set(runId, others);
          else aside.delete(runId);
          const entry = entries.get(runId);
          if (entry !== undefined && stateOf(entry.actor.getSnapshot()) === 'queued') wait(runId);
        }
        queue.schedule();
      };
    },

    why: (runId: string) => queue.why(runId),
    whatIf: (row: Asked) => queue.whatIf(requestOf(row, store.lastPos() + 1)),
    gpus: () => queue.gpus(),
    /** Looks again who can start: something of the yard has changed. */
    reconsider: () => queue.schedule(),
    stateOf: (runId: string) => {
      const entry = entries.get(runId);
      return entry === undefined ? null : stateOf(entry.actor.getSnapshot());
    },
    attemptOf: (runId: string) => entries.get(runId)?.attempt ?? null,
    counts: () => ({
      queued: queue.waiting(),
      live: queue.live(),
      slotsHeld: queue.held(),
    }),
    /** Gives slots back to everybody: what held them is gone at last. */
    readmit: (slots: readonly string[]) => queue.readmit(slots),
    close(): void {
      closed = true;
      queue.close();
      for (const { actor } of entries.values()) actor.stop();
      entries.clear();
    },
  };
}

/** How a run that others wait for has ended. */
function fateOf(row: RunRow | undefined): Fate {
  if (row === undefined) return 'gone';
  if (row.finished_at === null) return 'open';
  return row.status === 'completed' ? 'ok' : 'fail';
}
