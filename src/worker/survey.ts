/** What output is there that was not published yet: for a run that ends while the bus is away. */
import { setImmediate as turn } from 'node:timers/promises';
import { createLineSplitter, createOutputReader, type SplitterState } from '../rundir/index.ts';
import type { Found } from './feed.ts';
import { createPrintedPoints } from './printed.ts';
import { printedNames } from './spec.ts';

/** Reads from `state` to the end, publishing nothing. */
export async function surveyOutput(
  dir: string,
  state: SplitterState,
  onPoint: (found: Found) => void,
): Promise<{ lines: number; points: number }> {
  const reader = createOutputReader(dir, state.restart, state.used, { lend: true });
  const splitter = createLineSplitter(state, { lazy: true });
  const printed = createPrintedPoints(1, printedNames(dir));
  const counts = { lines: 0, points: 0 };
  const add = (pieces: ReturnType<typeof splitter.push>): void => {
    for (const piece of pieces) {
      if ('gap' in piece) continue;
      counts.lines += 1;
      for (const found of printed.of(piece.line)) {
        counts.points += 1;
        onPoint(found);
      }
    }
  };
  try {
    for (let records = reader.read(); records.length > 0; records = reader.read()) {
      for (const record of records) {
        printed.record(record);
        add(splitter.push(record));
      }
      await turn();
    }
    add(splitter.flush());
  } finally {
    reader.close();
  }
  return counts;
}
