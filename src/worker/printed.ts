/** Points in the lines of an attempt's standard output. */
import { createPatterns, type PatternState, type Patterns } from '../capture/index.ts';
import type { Line, OutputRecord } from '../rundir/index.ts';
import type { FoundPoint } from './point-queue.ts';

export type PrintedPoints = {
  /** To be told of each record before its lines. */
  record(record: OutputRecord): void;
  of(line: Line): readonly FoundPoint[];
  state(): PatternState;
};

/** What every line with a point in it has one of: `=`, `:`, `|`. */
const signs = [0x3d, 0x3a, 0x7c];
const newline = 10;
/** One for all lines: a flood makes no garbage. */
const none: readonly FoundPoint[] = [];

/** `names`: what names have to begin with; null: any. */
export function createPrintedPoints(
  attempt: number,
  names: readonly string[] | null,
  from?: PatternState,
): PrintedPoints {
  const patterns: Patterns = createPatterns(from);
  /** Whether there was a sign in what a line of the record may have been begun with, or in itself. */
  let carried = false;
  let signed = true;
  return {
    record({ stream, data }) {
      if (stream !== 'stdout') return;
      // A flood without any costs one look a record, not one a line.
      const has = signs.some((sign) => data.includes(sign));
      signed = has || carried;
      carried = has || (carried && !data.includes(newline));
    },
    of(line) {
      if (line.stream !== 'stdout' || !signed || !hasSign(line.data)) return none;
      const { offset, atMs } = line;
      const found = patterns
        .pointsOf(line.text)
        .filter(({ key }) => names === null || names.some((name) => key.startsWith(name)));
      return found.map((point, index) => {
        // A line may name one thing twice.
        const again = found.slice(0, index).filter(({ key }) => key === point.key).length;
        const id = `${attempt}:stdout:${offset}:${point.key}${again === 0 ? '' : `#${again}`}`;
        return { ...point, wallMs: atMs, source: 'stdout', id };
      });
    },
    state: () => patterns.state(),
  };
}

function hasSign(data: Buffer): boolean {
  for (const byte of data) if (byte === 0x3d || byte === 0x3a || byte === 0x7c) return true;
  return false;
}
