/** Where everything of a chart goes: by ELK, always the same for the same chart. */
import elk, { type ElkExtendedEdge, type ElkNode, type ElkPoint } from 'elkjs/lib/elk.bundled.js';
import { type ChartEdge, type ChartGraph, type ChartNode, textOf } from './graph.ts';
import { style } from './style.ts';

type Box = {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
};
/** Pixels from the upper left corner of the whole. */
export type PlacedNode = ChartNode & Box;
export type PlacedEdge = ChartEdge & {
  /** From the border of one state to the border of the other. */
  readonly points: readonly ElkPoint[];
  readonly label: (Box & { readonly lines: readonly string[] }) | null;
};
/** The dot from which a compound state's first one is entered. */
export type PlacedDot = { readonly in: string; readonly points: readonly ElkPoint[] };
export type ChartLayout = {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly dots: readonly PlacedDot[];
};

/** Every compound state needs them: ELK does not pass them down. */
const fullOptions = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.layered.spacing.nodeNodeBetweenLayers': '28',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '10',
  'elk.layered.spacing.edgeNodeBetweenLayers': '14',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '10',
  'elk.spacing.edgeLabel': '4',
  'elk.edgeLabels.inline': 'false',
  // From the first state on, so that a life is read from above.
  'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
  'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
};
const plainOptions = {
  ...fullOptions,
  'elk.direction': 'RIGHT',
  'elk.layered.spacing.nodeNodeBetweenLayers': '22',
  'elk.spacing.nodeNode': '12',
  'elk.spacing.edgeNode': '8',
  'elk.spacing.edgeEdge': '6',
  'elk.layered.spacing.edgeNodeBetweenLayers': '9',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '6',
};
type Options = typeof fullOptions;

/** `plain`: from left to right, and no words on the ways; `data-events` has them still. */
export type LayoutHow = { readonly plain?: boolean };

export async function layoutOf(
  graph: ChartGraph,
  { plain = false }: LayoutHow = {},
): Promise<ChartLayout> {
  const options = plain ? plainOptions : fullOptions;
  const placed = await new elk.default().layout({
    id: '#all',
    children: [nodeOf(graph, '', options)],
    layoutOptions: { ...options, 'elk.padding': '[top=10,left=10,bottom=10,right=10]' },
    edges: [...graph.edges.map((edge) => edgeOf(edge, plain)), ...graph.nodes.flatMap(dotEdgeOf)],
  });
  return collect(graph, placed);
}

/** What stands in a state: its name, its effects, and what it takes note of. */
export function linesOf({ effects, notes }: ChartNode): string[] {
  const running = effects.length === 0 ? [] : [`▸ ${effects.join(', ')}`];
  return [...running, ...notes.map((label) => `↻ ${textOf(label)}`)];
}

function labelLines({ labels, crashes }: ChartEdge): string[] {
  return [...labels.map(textOf), ...crashes.map((effect) => `✗ ${effect}`)];
}

function textWidth(lines: readonly string[], size: number): number {
  return Math.ceil(Math.max(0, ...lines.map((line) => line.length)) * size * style.charWidth);
}

/** ELK has no empty names. */
function elkId(id: string): string {
  return id === '' ? '#machine' : id;
}

function nodeOf(graph: ChartGraph, id: string, options: Options): ElkNode {
  const node = graph.nodes.find((each) => each.id === id) as ChartNode;
  const inner = graph.nodes.filter(({ parent }) => parent === id);
  const lines = linesOf(node);
  const width = Math.max(
    textWidth([node.name], style.nameSize * style.boldWider),
    textWidth(lines, style.smallSize),
  );
  const height = style.nameLine + lines.length * style.smallLine;
  if (inner.length === 0) {
    return { id: elkId(id), width: width + 2 * style.padX, height: height + 2 * style.padY };
  }
  const dot: ElkNode[] =
    node.initial === null ? [] : [{ id: `${id}#`, width: style.dot, height: style.dot }];
  return {
    id: elkId(id),
    children: [...dot, ...inner.map((child) => nodeOf(graph, child.id, options))],
    layoutOptions: {
      ...options,
      'elk.padding': `[top=${height + 2 * style.padY + 6},left=14,bottom=14,right=14]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      'elk.nodeSize.minimum': `(${width + 2 * style.padX}, 0)`,
    },
  };
}

function edgeOf(edge: ChartEdge, plain: boolean): ElkExtendedEdge {
  const ends = {
    id: `${edge.from} ${edge.to}`,
    sources: [elkId(edge.from)],
    targets: [elkId(edge.to)],
  };
  if (plain) return ends;
  const lines = labelLines(edge);
  return {
    ...ends,
    labels: [
      {
        text: lines.join('\n'),
        width: textWidth(lines, style.smallSize) + 6,
        height: lines.length * style.smallLine,
      },
    ],
  };
}

function dotEdgeOf({ id, initial }: ChartNode): ElkExtendedEdge[] {
  if (initial === null) return [];
  return [{ id: `#${id}`, sources: [`${id}#`], targets: [elkId(initial)] }];
}

function collect(graph: ChartGraph, root: ElkNode): ChartLayout {
  const boxes = new Map<string, Box>();
  const visit = (node: ElkNode, dx: number, dy: number): void => {
    const { x = 0, y = 0, width = 0, height = 0 } = node;
    boxes.set(node.id, { x: x + dx, y: y + dy, width, height });
    for (const child of node.children ?? []) visit(child, x + dx, y + dy);
  };
  visit(root, 0, 0);
  const boxOf = (id: string): Box => boxes.get(elkId(id)) as Box;
  // Of an edge everything is measured from the state that holds both its ends.
  const pointsOf = (edge: PlacedElkEdge): ElkPoint[] => {
    const { x, y } = boxes.get(edge.container ?? '#all') as Box;
    const [section] = edge.sections ?? [];
    if (section === undefined) throw new Error(`no way was found for ${edge.id}`);
    const { startPoint, bendPoints = [], endPoint } = section;
    return [startPoint, ...bendPoints, endPoint].map((at) => ({ x: at.x + x, y: at.y + y }));
  };
  const edges = new Map(((root.edges ?? []) as PlacedElkEdge[]).map((edge) => [edge.id, edge]));
  const edgeOfId = (id: string): PlacedElkEdge => edges.get(id) as PlacedElkEdge;
  const { width = 0, height = 0 } = root;
  return {
    name: graph.name,
    width,
    height,
    nodes: graph.nodes.map((node) => ({ ...node, ...boxOf(node.id) })),
    edges: graph.edges.map((edge) => {
      const placed = edgeOfId(`${edge.from} ${edge.to}`);
      const [label] = placed.labels ?? [];
      const { x, y } = boxes.get(placed.container ?? '#all') as Box;
      const box = {
        x: (label?.x ?? 0) + x,
        y: (label?.y ?? 0) + y,
        width: label?.width ?? 0,
        height: label?.height ?? 0,
        lines: labelLines(edge),
      };
      return { ...edge, points: pointsOf(placed), label: label === undefined ? null : box };
    }),
    dots: graph.nodes
      .filter(({ initial }) => initial !== null)
      .map(({ id }) => ({ in: id, points: pointsOf(edgeOfId(`#${id}`)) })),
  };
}

/** ELK tells in which state's coordinates an edge is; its types do not. */
type PlacedElkEdge = ElkExtendedEdge & { container?: string };
