/** Few, long paths that take every transition of a model: each goes on while anything new is ahead. */

import type { EventFromLogic, SnapshotFrom } from 'xstate';
import type { StatePath, Steps } from 'xstate/graph';
import { getAdjacencyMap } from 'xstate/graph';
import type { lifecycle } from './lifecycle.ts';

type Snapshot = SnapshotFrom<typeof lifecycle>;
type Vertex = { transitions: Record<string, { event: Event; state: Snapshot }> };
type Event = EventFromLogic<typeof lifecycle>;
type Edge = { from: string; to: string; event: Event; state: Snapshot };

/** A path generator for `TestModel.getPaths`. */
export function tours(machine: typeof lifecycle): StatePath<Snapshot, Event>[] {
  const map = edgesOf(machine);
  const untaken = new Set([...map.values()].flat());
  const first = String(machine.config.initial);
  const paths: StatePath<Snapshot, Event>[] = [];
  while (untaken.size > 0) {
    const path: Edge[] = [];
    let at = first;
    for (;;) {
      const next = nearest(map, at, (edge) => untaken.has(edge));
      if (next === null) break;
      for (const edge of next) untaken.delete(edge);
      path.push(...next);
      at = path.at(-1)?.to ?? at;
    }
    // Nothing new is ahead: the shortest way to an end, so that every run is seen to its end.
    path.push(...(nearest(map, at, ({ state }) => state.status === 'done') ?? []));
    paths.push(pathOf(path));
  }
  return paths;
}

function edgesOf(machine: typeof lifecycle): Map<string, Edge[]> {
  const adjacency = getAdjacencyMap(machine, {
    serializeState: ({ value }) => String(value),
    events: (state) => state._nodes.flatMap((node) => node.ownEvents.map((type) => ({ type }))),
  }) as unknown as Record<string, Vertex>;
  return new Map(
    Object.entries(adjacency).map(([from, { transitions }]) => [
      from,
      Object.values(transitions).map(({ event, state }) => ({
        from,
        to: String(state.value),
        event,
        state,
      })),
    ]),
  );
}

/** The shortest way from `at` whose last edge is wanted; null when there is none. */
function nearest(
  map: Map<string, Edge[]>,
  at: string,
  wanted: (edge: Edge) => boolean,
): Edge[] | null {
  const seen = new Set([at]);
  let ways: Edge[][] = [[]];
  while (ways.length > 0) {
    const longer: Edge[][] = [];
    for (const way of ways) {
      for (const edge of map.get(way.at(-1)?.to ?? at) ?? []) {
        if (wanted(edge)) return [...way, edge];
        if (seen.has(edge.to)) continue;
        seen.add(edge.to);
        longer.push([...way, edge]);
      }
    }
    ways = longer;
  }
  return null;
}

function pathOf(edges: readonly Edge[]): StatePath<Snapshot, Event> {
  const steps: Steps<Snapshot, Event> = edges.map(({ event, state }) => ({ event, state }));
  const last = steps.at(-1);
  if (last === undefined) throw new Error('a path without a step');
  return { state: last.state, steps, weight: steps.length };
}
