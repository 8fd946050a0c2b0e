/** A chart small enough to be looked at all at once: states by name, and one way between two of them. */
import type { ChartGraph } from './graph.ts';

/** Without effects, notes and crashes; a compound state that is in `closed` stands for all that is within it. */
export function overviewOf(graph: ChartGraph, closed: readonly string[] = []): ChartGraph {
  const shownFor = (id: string): string =>
    closed.find((around) => id === around || id.startsWith(`${around}.`)) ?? id;
  const edges = new Map<string, ChartGraph['edges'][number]>();
  for (const { from, to, labels } of graph.edges) {
    const ends = { from: shownFor(from), to: shownFor(to) };
    if (labels.length === 0 || ends.from === ends.to) continue;
    const key = `${ends.from} ${ends.to}`;
    const before = edges.get(key)?.labels ?? [];
    const known = new Set(before.map(({ event }) => event));
    const more = labels.filter(({ event }) => !known.has(event));
    edges.set(key, { ...ends, labels: [...before, ...more], crashes: [] });
  }
  return {
    name: graph.name,
    nodes: graph.nodes
      .filter(({ id }) => shownFor(id) === id)
      .map((node) => ({
        ...node,
        kind: closed.includes(node.id) ? 'atomic' : node.kind,
        initial: closed.includes(node.id) ? null : node.initial,
        effects: [],
        notes: [],
      })),
    edges: [...edges.values()],
  };
}
