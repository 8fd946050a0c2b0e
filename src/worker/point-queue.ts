/** Numbers points and puts them into messages, each with the cursor that is true behind its last point. */
import type { Printed } from '../capture/index.ts';
import type { MetricsMessage } from '../contracts/index.ts';
import { toBusInteger, toBusNumber } from '../numbers.ts';
import type { PointCursor } from './cursor.ts';

export type FoundPoint = Printed & {
  wallMs: number;
  /** What kind of source: stdout, tensorboard, wandb, csv, jsonl, runyard. */
  source: string;
  id: string;
};

export type PointMessage = {
  first_seq: number;
  last_seq: number;
  points: MetricsMessage['points'];
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
};

/**
 * A synced write costs the same for many points as for one. But clients ask for up to 175 messages at once by
 * default, and the server drops who has 64 MiB waiting.
 */
const messageBytes = 320 * 1024;
const messagePoints = 2000;
/** Of a point, beside its name and its id. */
const pointBytes = 150;
const notesMax = 50;

export function createPointQueue(next: number): PointQueue {
  let points: MetricsMessage['points'] = [];
  let notes: string[] = [];
  let bytes = 0;
  let seq = next;
  const messages: PointMessage[] = [];
  return {
    messages,
    add({ key, step, value, wallMs, source, id }) {
      points.push({
        seq,
        key,
        step: step === null ? null : toBusInteger(step),
        wall: timeOf(wallMs),
        value: toBusNumber(value),
        source,
        id,
      });
      seq += 1;
      bytes += pointBytes + bytesOf(key) + bytesOf(id);
    },
    note(text) {
      if (notes.length < notesMax) notes.push(text.slice(0, 500));
    },
    cut(cursor) {
      if (points.length === 0 && notes.length === 0) return;
      const [first_seq, last_seq] = [seq - points.length, seq - 1];
      messages.push({ first_seq, last_seq, points, notes, cursor: { ...cursor, next_point: seq } });
      [points, notes, bytes] = [[], [], 0];
    },
    end(cursor) {
      // Where it could not be sent it is tried again.
      if (seq === 1 || messages.at(-1)?.end === true) return;
      const range = { first_seq: seq, last_seq: seq - 1, points: [], notes: [] };
      messages.push({ ...range, end: true, cursor: { ...cursor, next_point: seq } });
    },
    isFull: () => points.length >= messagePoints || bytes >= messageBytes,
    holds: () => points.length > 0 || notes.length > 0,
    nextPoint: () => seq,
  };
}

/** As JSON. Control characters take six bytes each. */
function bytesOf(text: string): number {
  return plain.test(text) ? text.length : 6 * text.length;
}
const plain = /^[ !#-[\]-~]*$/;

/** Many points are of one time. */
let latest = { ms: 0, text: new Date(0).toISOString() };

/** A source may hold any number as its time. */
function timeOf(ms: number): string {
  if (ms === latest.ms) return latest.text;
  const at = new Date(ms);
  const year = at.getUTCFullYear();
  const text = year >= 1970 && year <= 9999 ? at.toISOString() : new Date(0).toISOString();
  latest = { ms, text };
  return text;
}
