/** Numbers points and puts them into messages, each with the cursor that is true behind its last point. */
import type { Printed } from '../capture/index.ts';
import type { PointCursor } from './cursor.ts';
import { createPointText } from './point-text.ts';

export type FoundPoint = Printed & {
  wallMs: number;
  /** What kind of source: stdout, tensorboard, wandb, csv, jsonl, runyard. */
  source: string;
  id: string;
  /** The file that it is of, by the name that its id has; left out when it is of none. */
  file?: string;
};

export type PointMessage = {
  first_seq: number;
  last_seq: number;
  /** As JSON, with commas in between. */
  points: Buffer;
  /** The files that they are of. */
  files: Set<string>;
  /** What was damaged, is not taken, or cannot be told for sure. */
  notes: string[];
  /** No more points of the attempt come. */
  end?: true;
  cursor: PointCursor;
};

export type PointQueue = {
  add(point: FoundPoint): void;
  note(text: string): void;
  /** What was added since the last cut becomes a message. */
  cut(cursor: Omit<PointCursor, 'next_point'>): void;
  /** A message that says that no more points come, if any came. */
  end(cursor: Omit<PointCursor, 'next_point'>): void;
  /** Whether that has to be now. */
  isFull(): boolean;
  /** Whether anything waits to be cut. */
  holds(): boolean;
  /** Messages that were not sent. */
  messages: PointMessage[];
  nextPoint(): number;
  /** The first number that no message had which was sent. */
  unsent(): number;
};

/**
 * A synced write costs the same for many points as for one. But clients ask for up to 175 messages at once by
 * default, and the server drops who has 64 MiB waiting.
 */
const messageBytes = 320 * 1024;
const messagePoints = 2000;
const notesMax = 50;

export function createPointQueue(next: number): PointQueue {
  const text = createPointText();
  let count = 0;
  let files = new Set<string>();
  /** Mostly it is the one before. */
  let file: string | undefined;
  let notes: string[] = [];
  let seq = next;
  const messages: PointMessage[] = [];
  return {
    messages,
    add(point) {
      text.add(point, seq);
      seq += 1;
      count += 1;
      if (point.file === undefined || point.file === file) return;
      file = point.file;
      files.add(file);
    },
    note(text) {
      if (notes.length < notesMax) notes.push(text.slice(0, 500));
    },
    cut(cursor) {
      if (count === 0 && notes.length === 0) return;
      const range = { first_seq: seq - count, last_seq: seq - 1 };
      const held = { points: text.take(), files, notes };
      messages.push({ ...range, ...held, cursor: { ...cursor, next_point: seq } });
      [count, files, file, notes] = [0, new Set(), undefined, []];
    },
    end(cursor) {
      // Where it could not be sent it is tried again.
      if (seq === 1 || messages.at(-1)?.end === true) return;
      const range = { first_seq: seq, last_seq: seq - 1 };
      const none = { points: Buffer.alloc(0), files: new Set<string>(), notes: [] };
      messages.push({ ...range, ...none, end: true, cursor: { ...cursor, next_point: seq } });
    },
    isFull: () => count >= messagePoints || text.bytes() >= messageBytes,
    holds: () => count > 0 || notes.length > 0,
    nextPoint: () => seq,
    unsent: () => messages[0]?.first_seq ?? seq - count,
  };
}

/** The message as it is sent. What it is about stands first, so that it can be read without its points. */
export function bytesOf(
  { runId, attempt }: { runId: string; attempt: number },
  message: PointMessage,
  files: Record<string, string>,
): Buffer {
  const { first_seq, last_seq, points, notes, end, cursor } = message;
  const head = JSON.stringify({ v: 1, run_id: runId, attempt, first_seq, last_seq });
  const tail = JSON.stringify({ notes, ...(end ? { end } : {}), cursor, files });
  return Buffer.concat([
    Buffer.from(`${head.slice(0, -1)},"points":[`),
    points,
    Buffer.from(`],${tail.slice(1)}`),
  ]);
}
