/** The real run chart with effects that do nothing, every event that it knows, and what it consists of. */
import { fromCallback } from 'xstate';
import { type RetryPolicy, type RunEvent, runMachine } from '../../src/machines/index.ts';

export const now = { boot_id: 'b', mono_ms: 1, wall_ms: 1 };
const at = '2026-01-01T00:00:00.000Z';
const asked = { user: 'ana', reason: 'wrong lr', at };

/** At least one of each type; several where guards tell them apart. The compiler knows them all. */
export const samples: { [T in RunEvent['type']]: Extract<RunEvent, { type: T }>[] } = {
  'run.grant': [{ type: 'run.grant', slots: ['g0'] }],
  'run.stop': [
    { type: 'run.stop', ...asked, now, skipGrace: false },
    { type: 'run.stop', ...asked, now, skipGrace: true },
  ],
  'run.refuse': [{ type: 'run.refuse', code: 'dependency_failed', text: 'x7 failed' }],
  'run.hold': [{ type: 'run.hold', ...asked }],
  'run.release': [{ type: 'run.release', ...asked }],
  'run.pause': [{ type: 'run.pause', ...asked }],
  'run.resume': [{ type: 'run.resume', ...asked }],
  'preflight.passed': [{ type: 'preflight.passed' }],
  'preflight.failed': [{ type: 'preflight.failed', code: 'preflight_failed', text: 'no cwd' }],
  'slots.leased': [{ type: 'slots.leased', slots: ['g0'], now }],
  'slots.refused': [{ type: 'slots.refused', text: 'taken' }],
  'slots.released': [{ type: 'slots.released', now }],
  'leftovers.survived': [{ type: 'leftovers.survived' }],
  'launch.failed': [{ type: 'launch.failed', code: 'launch_failed', text: 'x', now }],
  'start.timed_out': [{ type: 'start.timed_out', now }],
  'attempt.voided': [{ type: 'attempt.voided' }],
  'attempt.lost': [{ type: 'attempt.lost', text: 'removed' }],
  'trainer.started': [{ type: 'trainer.started', pid: 1, at }],
  'trainer.exited': [
    { type: 'trainer.exited', exit: { kind: 'exited', code: 0 }, at },
    { type: 'trainer.exited', exit: { kind: 'exited', code: 3 }, at },
    { type: 'trainer.exited', exit: { kind: 'signaled', signal: 'SIGTERM' }, at },
  ],
  'trainer.vanished': [{ type: 'trainer.vanished', text: 'gone' }],
  'trainer.paused': [{ type: 'trainer.paused' }],
  'trainer.resumed': [{ type: 'trainer.resumed' }],
  'trainer.stalled': [{ type: 'trainer.stalled', text: 'silent', now }],
  'allocation.ended': [
    { type: 'allocation.ended', status: 'lost', code: 'node_failed', text: 'node2 failed' },
  ],
  'allocation.expiring': [{ type: 'allocation.expiring', text: 'its time is over', now }],
  'rule.met': [{ type: 'rule.met', text: 'return 12 below 50', now }],
  'recorder.lost': [{ type: 'recorder.lost', now }],
  'machine.rebooted': [{ type: 'machine.rebooted' }],
  'worker.silent': [{ type: 'worker.silent' }],
  'worker.heard': [{ type: 'worker.heard' }],
  'limit.reached': [{ type: 'limit.reached', now }],
  'grace.ended': [{ type: 'grace.ended', now }],
  'kill.timed_out': [{ type: 'kill.timed_out' }],
  'output.collected': [
    { type: 'output.collected', manifest: '', artifacts: 0, last_metric: '' },
    {
      type: 'output.collected',
      manifest: '',
      artifacts: 0,
      last_metric: '',
      cause: { code: 'cuda_out_of_memory', text: 'CUDA out of memory' },
    },
  ],
  'effect.failed': [{ type: 'effect.failed', effect: 'x', text: 'y' }],
};
export const events: RunEvent[] = Object.values(samples).flat();
export const input = {
  runId: 'aaaaaaaa',
  stopSignal: 'SIGTERM',
  graceMs: 10,
  killPatienceMs: 10,
  timeLimitMs: 100,
};

/** The policy of a run that is tried again. */
export const retry: RetryPolicy = {
  max: 1,
  on: ['oom', 'stall', 'launch'],
  backoffMs: 1000,
  factor: 2,
  backoffMaxMs: 60_000,
};

/** Every effect that the chart invokes. */
export const effects = [
  ...['preflight', 'lease', 'launch', 'watch', 'pause', 'resume', 'terminate', 'kill'],
  ...['collect', 'release', 'alarm'],
] as const;

/** The chart with effects that only tell that they began: invoke id, in order. */
function recording(began: string[]): typeof runMachine {
  const effect = fromCallback<RunEvent, never>(({ self }) => {
    began.push(self.id);
  });
  const actors = Object.fromEntries(effects.map((name) => [name, effect]));
  return runMachine.provide({ actors: actors as never });
}

const idle = recording([]);

type Node = typeof runMachine.root;
const leaves = (node: Node): Node[] => {
  const children = Object.values(node.states) as Node[];
  return children.length === 0 ? [node] : children.flatMap(leaves);
};
/** `['stopping', 'killing']` as XState writes a state's value: `{"stopping":"killing"}`. */
const valueAt = (path: readonly string[]): string =>
  JSON.stringify(
    path.slice(0, -1).reduceRight<unknown>((inner, name) => ({ [name]: inner }), path.at(-1)),
  );

export const chart = {
  idle,
  recording,
  /** Every leaf state, as the JSON of its value. */
  states: leaves(idle.root).map((node) => valueAt(node.path)),
  /** Every arrow as written: source, event, and its number among several with guards. */
  transitions: [...nodesOf(idle.root)].flatMap((node) =>
    [...node.transitions.values()].flat().map((transition) => ({
      id: `${node.path.join('.')} ${transition.eventType} ${transition.target?.map((t) => t.path.join('.')).join() ?? ''}`,
      node,
      transition,
    })),
  ),
};

function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const child of Object.values(node.states) as Node[]) yield* nodesOf(child);
}
