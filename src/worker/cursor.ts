/**
 * Where a worker goes on. Each message on the bus carries the cursor behind it: of the log, and, apart
 * from that, of the points. What is stored there is authoritative, whatever a worker meant to send.
 */
import type { FileState, PatternState } from '../capture/index.ts';
import { firstState, type SplitterState } from '../rundir/index.ts';
import type { PassedState } from './passed.ts';

export type LogCursor = {
  state: SplitterState;
  /**
   * The number of the next point, when all points of the lines before were published by then; else null.
   * Points are rare: that there was none is no reason to read a long log again.
   */
  next_point: number | null;
  /** The step that a printed line named last. */
  step: string | null;
};

export type PointCursor = {
  /** From where output is read, and the first line of it that was not looked at. */
  state: SplitterState;
  line: number;
  printed: PatternState;
  next_point: number;
  /** How far each file was read, by its path. */
  files: Record<string, FileState>;
  /** Behind that, points that have their numbers already; left out when there are none. */
  passed?: PassedState;
};

const beginning: PointCursor = {
  state: firstState,
  line: 1,
  printed: { step: null, keys: [] },
  next_point: 1,
  files: {},
};

/** Where the points go on, given what is stored of both. */
export function pointsFrom(log: LogCursor | null, points: PointCursor | null): PointCursor {
  const from = points ?? beginning;
  // Some were there and none is stored: the stream was lost, or they never got there.
  if (log === null || log.next_point !== from.next_point) return from;
  if (log.state.next_seq <= from.line) return from;
  const { state, step } = log;
  return { ...from, state, line: state.next_seq, printed: { ...from.printed, step } };
}
