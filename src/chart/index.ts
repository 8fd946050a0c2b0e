export {
  type ChartEdge,
  type ChartGraph,
  type ChartLabel,
  type ChartNode,
  graphOf,
} from './graph.ts';
export { type ChartLayout, layoutOf } from './layout.ts';
export { mermaidOf } from './mermaid.ts';
export { overviewOf } from './overview.ts';
export { type ChartStep, type Lighting, svgOf } from './svg.ts';
