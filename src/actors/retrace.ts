/**
 * Takes a run through the chart by what is known of its past, as if it were happening: the history that
 * comes out is one that the chart allows, and the snapshot one that it can go on from. No effect is begun.
 */
import { createActor, fromCallback } from 'xstate';
import {
  type RunEvent,
  type RunInput,
  runMachine,
  runMachineVersion,
  stateOf,
} from '../machines/index.ts';
import type { NewTransition, RunPatch } from '../persistence/index.ts';
import { detailOf, eventName, rowOf, submitDetail } from './rows.ts';

export type Retraced = {
  events: NewTransition[];
  /** What the transitions changed of the run's row; `snapshot` is null once it is done. */
  patch: RunPatch;
  state: string;
};

export type Retracing = {
  /** An event of the past. False when it changes nothing where the run is by then. */
  send(event: RunEvent, at: string): boolean;
  attempt(): number;
  end(): Retraced;
};

const silent = fromCallback(() => undefined) as never;
const nothing = runMachine.provide({
  actors: {
    preflight: silent,
    lease: silent,
    launch: silent,
    watch: silent,
    pause: silent,
    resume: silent,
    terminate: silent,
    kill: silent,
    collect: silent,
    release: silent,
    alarm: silent,
  },
});

export function createRetracing(
  input: RunInput,
  submitted: { user: string; at: string },
): Retracing {
  const actor = createActor(nothing, { input });
  actor.start();
  const events: NewTransition[] = [
    {
      at: submitted.at,
      attempt: 1,
      event: 'run.submit',
      from: '',
      to: 'queued',
      detail: submitDetail(submitted.user, input),
      machineVersion: runMachineVersion,
    },
  ];
  const patch: RunPatch = {};
  return {
    send(event, at) {
      const before = actor.getSnapshot();
      actor.send(event);
      const after = actor.getSnapshot();
      if (after === before) return false;
      // What is put together from several clocks must not run backwards.
      const last = events.at(-1)?.at ?? at;
      const when = at.localeCompare(last) > 0 ? at : last;
      events.push({
        at: when,
        attempt: before.context.attempt,
        event: eventName(event),
        from: stateOf(before),
        to: stateOf(after),
        detail: detailOf(event, { before, after }),
        machineVersion: runMachineVersion,
      });
      Object.assign(patch, rowOf({ before, after, event, at: when, snapshot: null }));
      return true;
    },
    attempt: () => actor.getSnapshot().context.attempt,
    end() {
      const last = actor.getSnapshot();
      const state = stateOf(last);
      if (!state.startsWith('done.')) patch.snapshot = JSON.stringify(actor.getPersistedSnapshot());
      actor.stop();
      return { events, patch, state };
    },
  };
}
