/** The real run chart with effects that do nothing, every event that it knows, and what it consists of. */
import { fromCallback } from 'xstate';
import { type RunEvent, runMachine } from '../../src/machines/index.ts';
import { quiet, runPayloads } from '../../src/testing/index.ts';

export const events: readonly RunEvent[] = Object.values(runPayloads).flat();

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

const idle = quiet(runMachine);

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
