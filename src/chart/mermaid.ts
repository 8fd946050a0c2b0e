/** A chart as Mermaid's `stateDiagram-v2`, for pages that draw it themselves. */
import { type ChartGraph, type ChartNode, textOf } from './graph.ts';

export function mermaidOf({ nodes, edges }: ChartGraph): string {
  const lines = ['stateDiagram-v2'];
  const say = (depth: number, text: string): void =>
    void lines.push(`${'  '.repeat(depth)}${text}`);
  const visit = (node: ChartNode, depth: number): void => {
    const inner = nodes.filter(({ parent }) => parent === node.id);
    if (node.id !== '') say(depth, `state "${node.name}" as ${nameOf(node.id)}`);
    if (inner.length === 0) return;
    const deeper = node.id === '' ? depth : depth + 1;
    if (node.id !== '') say(depth, `state ${nameOf(node.id)} {`);
    if (node.initial !== null) say(deeper, `[*] --> ${nameOf(node.initial)}`);
    for (const child of inner) visit(child, deeper);
    if (node.id !== '') say(depth, '}');
  };
  for (const node of nodes) if (node.parent === null) visit(node, 1);
  for (const { from, to, labels, crashes } of edges) {
    // What leaves the machine as a whole has no box that it could start from.
    const source = from === '' ? '[*]' : nameOf(from);
    const said = [...labels.map(textOf), ...crashes.map((effect) => `✗ ${effect}`)];
    say(1, `${source} --> ${nameOf(to)} : ${said.join('<br/>')}`);
  }
  for (const { id, notes } of nodes) {
    if (notes.length > 0) say(1, `note right of ${nameOf(id)} : ${notes.map(textOf).join(', ')}`);
  }
  for (const { id, kind } of nodes) if (kind === 'final') say(1, `${nameOf(id)} --> [*]`);
  return `${lines.join('\n')}\n`;
}

/** Mermaid's names have no dots. */
function nameOf(id: string): string {
  return id === '' ? '[*]' : id.replaceAll('.', '_');
}
