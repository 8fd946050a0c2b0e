export {
  createFileReader,
  type FileFormat,
  type FileReader,
  type FileState,
  formatOf,
} from './file.ts';
export { createJsonlParser, createTableParser, type TableState } from './lines.ts';
export { createPatterns, type PatternState, type Patterns, type Printed } from './patterns.ts';
export type { Note, Parsed, Parser, Point, Present } from './point.ts';
export { createTail, type Read, type Tail, type TailState } from './tail.ts';
export { parseTfevents } from './tfevents.ts';
export { parseWandb } from './wandb.ts';
