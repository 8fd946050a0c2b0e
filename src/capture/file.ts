/** One file in one of the formats, point by point, with a state that is exact behind each of them. */
import fs from 'node:fs';
import path from 'node:path';
import { createJsonlParser, createTableParser, type TableState, tableStateOf } from './lines.ts';
import type { Parser, Point } from './point.ts';
import { createTail, type TailState } from './tail.ts';
import { parseTfevents } from './tfevents.ts';
import { parseWandb } from './wandb.ts';

export type FileFormat = 'tensorboard' | 'wandb' | 'csv' | 'jsonl';

/** Where reading goes on. */
export type FileState = TailState & {
  format: FileFormat;
  /** Points behind the offset that were given out already. */
  done: number;
  table?: TableState;
};

export type FileReader = {
  /** Looks for more once all that was found is given out. True when there is something to give out. */
  read(): boolean;
  /** The next point of what was found, or null. */
  next(): Point | null;
  /** What was noted since the last time. */
  notes(): string[];
  /** Behind the last point that was given out. */
  state(): FileState;
  /** Holds the file, so that it may be removed before it was read. */
  hold(): void;
  /** Reads on in whatever now has the name: the file was replaced by a newer version of itself. */
  reopen(): void;
  close(): void;
};

const formats: readonly (readonly [FileFormat, RegExp])[] = [
  ['tensorboard', /(?:^|\.)tfevents\.[^/]*$/],
  ['wandb', /^run-[^/]+\.wandb$/],
  ['csv', /\.(?:csv|tsv)$/i],
  ['jsonl', /\.(?:jsonl|ndjson)$/i],
];
/** Tables and JSON lines may be anything: data, predictions. Those with such names are surely no data. */
const telling = /metric|progress|monitor|log|history|scalar|result|train|eval|loss|reward/i;
const firstTable: TableState = { header: null, separator: ',' };
/** Longer names are no names. */
const keyMax = 256;
const presentMax = 100;

/** The format of a file by its name; null when it is none that holds points. */
export function formatOf(file: string): FileFormat | null {
  const name = path.basename(file);
  return formats.find(([, pattern]) => pattern.test(name))?.[0] ?? null;
}

export function createFileReader(
  file: string,
  from: Pick<FileState, 'format'> & Partial<FileState>,
): FileReader {
  const { format } = from;
  /** Where the block begins that the held points are of. */
  let before: Omit<FileState, 'done'>;
  let { table = firstTable, done = 0 } = from;
  if (format === 'csv' && from.table === undefined && (from.offset ?? 0) > 0)
    table = tableStateOf(firstLineOf(file));
  let held: readonly Point[] = [];
  let given = 0;
  let notes: string[] = [];
  const present = new Set<string>();
  const parse: Parser =
    format === 'csv'
      ? (data, offset, full) => tableParser(data, offset, full)
      : { tensorboard: parseTfevents, wandb: parseWandb, jsonl: createJsonlParser() }[format];
  const tableParser = createTableParser(table, (state) => {
    table = state;
  });
  const tail = createTail(file, parse, { offset: from.offset ?? 0, skip: from.skip ?? 0 });
  const here = (): Omit<FileState, 'done'> => ({
    ...tail.state(),
    format,
    ...(format === 'csv' ? { table } : {}),
  });
  before = here();
  const isText = format === 'csv' || format === 'jsonl';
  const isTold = !isText || telling.test(path.basename(file));
  const isPoint = ({ key, step, wallMs }: Point): boolean =>
    key.length > 0 && key.length <= keyMax && (isTold || step !== null || wallMs !== null);

  return {
    read() {
      if (given < held.length) return true;
      const start = here();
      const found = tail.read();
      if (found === null) return false;
      notes.push(...found.notes.slice(0, presentMax).map(({ place, text }) => `${place}: ${text}`));
      for (const { kind, key } of found.present ?? []) {
        const text = `${kind} ${key} is there; only single numbers are taken`;
        if (present.size >= presentMax || present.has(text)) continue;
        present.add(text);
        notes.push(text);
      }
      const points = found.points.filter(isPoint);
      // Of the first block after a restart, some were given out by whoever read it before.
      given = Math.min(done, points.length);
      done -= given;
      held = points;
      before = start;
      return true;
    },
    next() {
      const point = held[given];
      if (point === undefined) return null;
      given += 1;
      return point;
    },
    notes() {
      const told = notes;
      notes = [];
      return told;
    },
    state: () => (given < held.length ? { ...before, done: given } : { ...here(), done }),
    hold: tail.hold,
    reopen: tail.close,
    close: tail.close,
  };
}

const headerBytes = 16 * 1024;

/** Empty when it cannot be read: then there is no header, and rows of numbers without names say nothing. */
function firstLineOf(file: string): string {
  try {
    const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      const block = Buffer.alloc(headerBytes);
      const length = fs.readSync(fd, block, 0, headerBytes, 0);
      return block.toString('utf8', 0, length).split('\n')[0]?.trim() ?? '';
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return '';
  }
}
