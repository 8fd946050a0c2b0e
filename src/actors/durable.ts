/**
 * commit-before-act: wraps a machine so that a transition is committed before any effect that it
 * causes begins. XState runs actions, spawns and stops during a transition, through the scope that it
 * passes; here they are buffered, the commit is made, and only then are they let through. A commit that
 * throws leaves the actor in its last committed snapshot and nothing begun.
 *
 * The initial transition does not pass through here: commit it before `start()`.
 */
import type { AnyActorLogic, SnapshotFrom } from 'xstate';

/** Commits one transition, synchronously. A throw means: it did not happen. */
export type Commit<TLogic extends AnyActorLogic> = (transition: {
  before: SnapshotFrom<TLogic>;
  after: SnapshotFrom<TLogic>;
  event: { type: string };
  /** When the event came, by performance.now(). */
  beganMs: number;
}) => void;

type Scope = Parameters<AnyActorLogic['transition']>[2];

/**
 * The machine, committing. `refused` is told of every transition whose commit failed; the event is
 * then lost to the machine and it is up to the caller to send it again.
 */
export function durable<TLogic extends AnyActorLogic>(
  machine: TLogic,
  commit: Commit<TLogic>,
  refused: (event: { type: string }, error: unknown) => void,
): TLogic {
  const transition: AnyActorLogic['transition'] = (before, event, scope) => {
    // Stopping an actor is no transition of its run: a snapshot saved as `stopped` would stay dead.
    if (event.type === 'xstate.stop') return machine.transition(before, event, scope);
    const beganMs = performance.now();
    const held: (() => void)[] = [];
    const after = machine.transition(before, event, holding(scope, held));
    if (after === before) return before;
    try {
      commit({ before, after, event: event as { type: string }, beganMs });
    } catch (error) {
      refused(event as { type: string }, error);
      return before;
    }
    for (const act of held) act();
    return after;
  };
  // Methods of a machine are found through its prototype; only `transition` differs.
  return Object.assign(Object.create(machine) as TLogic, { transition });
}

/** A scope that holds back whatever would have an effect. */
function holding(scope: Scope, held: (() => void)[]): Scope {
  return {
    ...scope,
    actionExecutor: (action) => held.push(() => scope.actionExecutor(action)),
    defer: (act) => scope.defer(act),
  };
}
