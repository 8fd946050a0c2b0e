/** A state chart as a graph: read off the machine itself, so that no picture can differ from what runs. */
import type { AnyStateMachine } from 'xstate';
import { type DirectedGraphNode, toDirectedGraph } from 'xstate/graph';

export type ChartNode = {
  /** Path below the machine, as in events and in the registry: `running.live`. The machine itself is ''. */
  readonly id: string;
  readonly name: string;
  readonly kind: 'atomic' | 'compound' | 'parallel' | 'final';
  /** `id` of the state around it; null for the machine itself. */
  readonly parent: string | null;
  /** `id` of the state that is entered first; null where each way in says which. */
  readonly initial: string | null;
  /** Effects that begin with it and end with it. */
  readonly effects: readonly string[];
  /** Events that it takes note of without being left. */
  readonly notes: readonly ChartLabel[];
};
export type ChartLabel = { readonly event: string; readonly guard: string | null };
/** All ways from one state to another. */
export type ChartEdge = {
  readonly from: string;
  readonly to: string;
  readonly labels: readonly ChartLabel[];
  /** Effects whose own crash leads this way. */
  readonly crashes: readonly string[];
};
export type ChartGraph = {
  /** Of the machine: `run`. */
  readonly name: string;
  /** From outside in: whoever is around others comes before them. */
  readonly nodes: readonly ChartNode[];
  readonly edges: readonly ChartEdge[];
};

const crash = 'xstate.error.actor.';

/** Throws for a machine with transitions that have no event (`always`, `onDone`): none of ours has any. */
export function graphOf(machine: AnyStateMachine): ChartGraph {
  const nodes: ChartNode[] = [];
  const edges = new Map<
    string,
    { from: string; to: string; labels: ChartLabel[]; crashes: string[] }
  >();
  const visit = (node: DirectedGraphNode, parent: string | null): void => {
    const { stateNode } = node;
    const id = idOf(stateNode);
    const notes: ChartLabel[] = [];
    if ((stateNode.always ?? []).length > 0) {
      throw new Error(`${machine.id}: ${id} has a transition without an event`);
    }
    for (const { source, target, label, transition } of node.edges) {
      const event = label.text;
      if (event.startsWith('xstate.done')) {
        throw new Error(`${machine.id}: ${id} has a transition without an event`);
      }
      const said = { event, guard: guardName(transition.guard) };
      if (transition.target === undefined) {
        notes.push(said);
        continue;
      }
      const [from, to] = [idOf(source), idOf(target)];
      const edge = edges.get(`${from} ${to}`) ?? { from, to, labels: [], crashes: [] };
      edges.set(`${from} ${to}`, edge);
      if (event.startsWith(crash)) edge.crashes.push(event.slice(crash.length));
      else edge.labels.push(said);
    }
    const initial = stateNode.type === 'compound' ? stateNode.initial.target[0] : undefined;
    nodes.push({
      id,
      name: stateNode.key,
      kind: kindOf(stateNode.type),
      parent,
      initial: initial === undefined ? null : idOf(initial),
      effects: stateNode.invoke.map((invoked) => invoked.id),
      notes,
    });
    for (const child of node.children) visit(child, id);
  };
  visit(toDirectedGraph(machine), null);
  const found = [...edges.values()];
  const isEntered = (id: string): boolean =>
    id === '' ||
    found.some(({ to }) => to === id) ||
    nodes.some((node) => node.initial === id && isEntered(node.id));
  return {
    name: machine.id,
    nodes: nodes.map((node) => (isEntered(node.id) ? node : { ...node, initial: null })),
    edges: found,
  };
}

/** `run.stop [skipsGrace]`. */
export function textOf({ event, guard }: ChartLabel): string {
  return guard === null ? event : `${event} [${guard}]`;
}

/** `skipsGrace`, `isStatus(completed)`. */
function guardName(guard: unknown): string | null {
  if (guard === undefined) return null;
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'function') return guard.name === 'guard' ? 'if' : guard.name;
  const { type, params = {} } = guard as { type: string; params?: object };
  const values = typeof params === 'object' ? Object.values(params) : [];
  return values.length === 0 ? type : `${type}(${values.join(', ')})`;
}

function idOf({ path }: { path: readonly string[] }): string {
  return path.join('.');
}

function kindOf(type: string): ChartNode['kind'] {
  if (type === 'atomic' || type === 'compound' || type === 'parallel' || type === 'final')
    return type;
  throw new Error(`a chart cannot show a state of the type ${type}`);
}
