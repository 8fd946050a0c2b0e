/**
 * Coverage as (state × event × fault): the event came to a run in that state, and since the run had entered
 * it the fault had struck that run, or all. `none` is calm weather.
 *
 * Reachable is what the chart's own arrows say: each leaf state with each event that it or a state around
 * it handles, times the faults that can strike there. What is left out of that is listed with its reason.
 */
import { runMachine } from '../../src/machines/index.ts';
import type { Transition } from './checker.ts';
import { attemptFaults, type FaultKind, yardFaults } from './faults.ts';

export type Cell = { state: string; event: string; fault: FaultKind | 'none' };
export type Hits = Map<string, number>;

type Exclusion = { because: string; when: (cell: Cell) => boolean };

/** Faults that need an attempt which somebody looks after. */
const isOfAttempt = (fault: string): boolean =>
  (attemptFaults as readonly string[]).includes(fault);
/** What only a worker tells. */
export const toldByWorkers =
  /^(trainer\.|rule\.|recorder\.|attempt\.|machine\.|launch\.failed|leftovers\.|output\.)/;
const trainerLives = /^(running\.|stopping\.(terminating|killing)$)/;

export const exclusions: readonly Exclusion[] = [
  {
    because: 'before an attempt has its slots there is no worker, recorder, trainer or directory',
    when: ({ state, fault }) => /^(queued|allocating)/.test(state) && isOfAttempt(fault),
  },
  {
    because: 'what is over for the recorder can no longer be killed',
    when: ({ state, fault }) =>
      ['recorder.kill', 'recorder.fails', 'trainer.kill'].includes(fault) &&
      !trainerLives.test(state),
  },
  {
    because: 'a recorder fails to start only where one is started',
    when: ({ state, fault }) =>
      fault === 'recorder.fails' && state.startsWith('running.') && state !== 'running.starting',
  },
  {
    because: 'a launch is refused where one is made, and that is the end of it',
    when: ({ state, event, fault }) =>
      fault === 'launch.refused' && (state !== 'running.starting' || event !== 'effect.failed'),
  },
  {
    because: 'what has started can no longer be voided: one exclusive link decides',
    when: ({ state, event }) =>
      event === 'attempt.voided' && state.startsWith('running.') && state !== 'running.starting',
  },
  {
    because: 'a trainer that was seen is told as started first, and facts come in order',
    when: ({ state, event }) =>
      state === 'running.starting' &&
      ['trainer.stalled', 'rule.met', 'recorder.lost'].includes(event),
  },
  {
    because: 'whose trainer was there is told of as started first',
    when: ({ state, event, fault }) =>
      state === 'running.starting' &&
      fault === 'trainer.kill' &&
      ['trainer.exited', 'launch.failed', 'attempt.voided'].includes(event),
  },
  {
    because:
      'what is void never had a trainer; and what a stop does not void at once is claimed, after a reboot by another boot',
    when: ({ state, event, fault }) =>
      state.startsWith('stopping.') &&
      event === 'attempt.voided' &&
      ['trainer.kill', 'leftovers', 'machine.reboot'].includes(fault),
  },
  {
    because: 'a recorder that refuses is gone with its word',
    when: ({ state, event, fault }) =>
      `${state} + ${event} + ${fault}` === 'running.starting + trainer.exited + recorder.kill',
  },
  {
    because: 'a paused trainer is not silent',
    when: ({ state, event }) => state === 'running.paused.confirmed' && event === 'trainer.stalled',
  },
  {
    because: 'a paused trainer says nothing here, and what it said before is told before the pause',
    when: ({ state, event }) => state === 'running.paused.confirmed' && event === 'rule.met',
  },
  {
    because: 'after a restart of the machine nothing of the attempt lives that could cause it',
    when: ({ event, fault }) =>
      /^machine\./.test(fault) &&
      [
        'recorder.lost',
        'trainer.vanished',
        'trainer.stalled',
        'rule.met',
        'trainer.paused',
        'trainer.resumed',
        'leftovers.survived',
      ].includes(event),
  },
  {
    because: 'it lasts no time, but where the registry refuses a write',
    when: ({ state, event, fault }) =>
      state === 'allocating.leasing' && event === 'run.stop' && fault === 'none',
  },
  {
    because: 'that takes a fault of this very state',
    when: ({ state, event, fault }) =>
      fault === 'none' &&
      [
        'running.starting + trainer.vanished',
        'running.starting + attempt.voided',
        'running.starting + launch.failed',
        'running.starting + effect.failed',
        'running.starting + start.timed_out',
        'running.starting + attempt.lost',
        'running.live + machine.rebooted',
        'running.paused.confirmed + machine.rebooted',
        'running.paused.confirmed + recorder.lost',
        'running.resuming + trainer.stalled',
      ].includes(`${state} + ${event}`),
  },
  {
    because:
      'a worker that was silent beats before it tells anything else, unless over a new connection',
    when: ({ state, event, fault }) =>
      state === 'running.silent' && toldByWorkers.test(event) && fault === 'none',
  },
  {
    because:
      'the allocator knows every lease of the registry: only who writes there himself is refused',
    when: ({ event }) => event === 'slots.refused',
  },
  {
    because: 'before a launch was prepared no worker is called, nor anything that it would start',
    when: ({ state, event, fault }) =>
      `${state} + ${event}` === 'running.starting + effect.failed' &&
      isOfAttempt(fault) &&
      !['launch.refused', 'rundir.full'].includes(fault),
  },
  {
    because:
      'a stop voids at once what no recorder has claimed; where the disk refuses that, it is that fault',
    when: ({ state, fault }) => fault === 'recorder.fails' && state.startsWith('stopping.'),
  },
  {
    because: 'what is released needs no file any more',
    when: ({ state, fault }) => state === 'stopping.releasing' && fault === 'rundir.full',
  },
  {
    because: 'nothing survives SIGKILL before somebody sends it',
    when: ({ state, fault }) => fault === 'leftovers' && state.startsWith('running.'),
  },
  {
    because: 'the last worker has let go, or is about to: nothing it says counts any more',
    when: ({ state, fault }) => state === 'stopping.releasing' && /^(worker|wire)\./.test(fault),
  },
  {
    because:
      'the launch is the only effect that fails for good: to collect is to call a worker, until there is one',
    when: ({ state, event }) => event === 'effect.failed' && state !== 'running.starting',
  },
  {
    because: 'a worker tells the start once, and what it tells in other states is of a later time',
    when: ({ state, event }) => event === 'trainer.started' && state !== 'running.starting',
  },
];

/** Every cell that can be reached. */
export function reachable(): Cell[] {
  const cells: Cell[] = [];
  for (const { state, events } of handled()) {
    for (const event of events) {
      for (const fault of ['none', ...yardFaults, ...attemptFaults] as const) {
        const cell: Cell = { state, event, fault };
        if (!exclusions.some(({ when }) => when(cell))) cells.push(cell);
      }
    }
  }
  return cells;
}

export function keyOf({ state, event, fault }: Cell): string {
  return `${state} + ${event} + ${fault}`;
}

export type Recorder = {
  transition(transition: Transition): void;
  fault(kind: FaultKind, runId: string | null): void;
};

/** Records one world's hits into `hits`. */
export function createRecorder(hits: Hits): Recorder {
  const struck = new Map<string, Set<FaultKind>>();
  const hit = (cell: Cell): void => {
    const key = keyOf(cell);
    hits.set(key, (hits.get(key) ?? 0) + 1);
  };
  return {
    transition({ run_id: runId, from_state: state, to_state: to, event }) {
      const faults = struck.get(runId);
      if (to.startsWith('done.')) struck.delete(runId);
      else if (faults === undefined) struck.set(runId, new Set());
      if (state === '') return;
      if (faults === undefined || faults.size === 0) hit({ state, event, fault: 'none' });
      else for (const fault of faults) hit({ state, event, fault });
      faults?.clear();
    },
    fault(kind, runId) {
      if (runId !== null) struck.get(runId)?.add(kind);
      else for (const faults of struck.values()) faults.add(kind);
    },
  };
}

type Node = typeof runMachine.root;

/** Each leaf state that can be left, with the events that it or a state around it handles. */
function handled(): { state: string; events: string[] }[] {
  const found: { state: string; events: string[] }[] = [];
  const visit = (node: Node, around: readonly string[]): void => {
    const own = [...node.transitions.keys()].filter((name) => !name.startsWith('xstate.'));
    const events = [...new Set([...around, ...own])];
    const inner = Object.values(node.states) as Node[];
    for (const each of inner) visit(each, events);
    if (inner.length === 0 && node.type !== 'final')
      found.push({ state: node.path.join('.'), events });
  };
  visit(runMachine.root, []);
  return found;
}
