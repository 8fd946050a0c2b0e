/**
 * What a worker does for one attempt. It is not persisted: a killed worker is replaced by one of a
 * later generation, which starts here again and finds in the run's directory how far things are.
 *
 *   attaching ─▶ launching ─▶ following ─▶ draining ─▶ collecting ─▶ reporting ─▶ finished
 *
 * W1  Nothing is launched before `reader.lock` is held.
 * W2  An attempt that was claimed by any recorder is never launched again; it is looked at.
 * W3  The artifacts are taken only after the last output was read and no process of the run lives.
 */
import { assign, fromCallback, setup } from 'xstate';

function notProvided(name: string): never {
  throw new Error(`worker machine: actor "${name}" was not provided`);
}

export type WorkerContext = { error: string | null };
export type WorkerEvent =
  | { type: 'attempt.attached' }
  | { type: 'attempt.refused'; text: string }
  | { type: 'trainer.found' }
  | { type: 'trainer.ended' }
  | { type: 'attempt.voided' }
  /** Its directory is gone: what still lives of it is the daemon's to end. */
  | { type: 'attempt.lost' }
  | { type: 'output.drained' }
  | { type: 'artifacts.taken' }
  | { type: 'facts.acknowledged' }
  | { type: 'effect.failed'; text: string };

const effect = (name: string) => fromCallback<WorkerEvent>(() => notProvided(name));
const failed = {
  target: 'reporting' as const,
  actions: {
    type: 'note' as const,
    params: ({ event }: { event: { error: unknown } }) => ({ text: String(event.error) }),
  },
};

export const workerMachine = setup({
  types: { context: {} as WorkerContext, events: {} as WorkerEvent },
  actors: {
    attach: effect('attach'),
    launch: effect('launch'),
    follow: effect('follow'),
    drain: effect('drain'),
    collect: effect('collect'),
    report: effect('report'),
  },
  actions: {
    note: assign({ error: (_, params: { text: string }) => params.text }),
  },
}).createMachine({
  id: 'worker',
  context: { error: null },
  initial: 'attaching',
  states: {
    attaching: {
      invoke: { id: 'attach', src: 'attach', onError: failed },
      on: {
        'attempt.attached': 'launching',
        'attempt.refused': {
          target: 'finished',
          actions: { type: 'note', params: ({ event }) => ({ text: event.text }) },
        },
      },
    },
    launching: {
      invoke: { id: 'launch', src: 'launch', onError: failed },
      on: {
        'trainer.found': 'following',
        'trainer.ended': 'draining',
        'attempt.voided': 'reporting',
        'attempt.lost': 'reporting',
      },
    },
    following: {
      invoke: { id: 'follow', src: 'follow', onError: failed },
      on: { 'trainer.ended': 'draining', 'attempt.lost': 'reporting' },
    },
    draining: {
      invoke: { id: 'drain', src: 'drain', onError: failed },
      on: { 'output.drained': 'collecting' },
    },
    collecting: {
      invoke: { id: 'collect', src: 'collect', onError: failed },
      on: { 'artifacts.taken': 'reporting' },
    },
    reporting: {
      invoke: { id: 'report', src: 'report', onError: 'finished' },
      on: { 'facts.acknowledged': 'finished' },
    },
    finished: { type: 'final' },
  },
  on: {
    'effect.failed': {
      target: '.reporting',
      actions: { type: 'note', params: ({ event }) => ({ text: event.text }) },
    },
  },
});
