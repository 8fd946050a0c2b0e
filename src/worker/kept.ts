/**
 * Points that the bus has lost and the run's own files have: with the numbers under which they were published
 * first, which their sources, read again, might get in another order.
 */
import path from 'node:path';
import { lastPoint, type PointLine, pointsAfter, pointsName, unbroken } from '../history/index.ts';
import type { PointCursor } from './cursor.ts';
import { nameIn } from './passed.ts';
import type { PointMessage } from './point-queue.ts';

export type Kept = {
  /** The last number that the files have; 0 when they have none. */
  upto(): number;
  /** From one number to another; the cursor is behind what was stored before them. */
  messages(from: number, to: number, cursor: PointCursor): Generator<PointMessage>;
};

/** `dir`: of the attempt. */
export function createKept(dir: string, attempt: number): Kept {
  const runDir = path.resolve(dir, '../..');
  return {
    upto() {
      const last = lastPoint(runDir, pointsName);
      return last?.attempt === attempt ? last.seq : 0;
    },
    *messages(from, to, cursor) {
      if (from > to) return;
      const passed = { ...cursor.passed };
      let next = from;
      for (const block of pointsAfter(runDir, pointsName, { attempt, seq: from })) {
        const wanted = block.filter(({ seq }) => seq >= next && seq <= to);
        for (const points of unbroken(wanted)) {
          for (const { id } of points) passed[nameIn(id)] = id;
          const [first, last] = [points[0]?.seq ?? next, points.at(-1)?.seq ?? next];
          next = last + 1;
          yield {
            first_seq: first,
            last_seq: last,
            points: Buffer.from(points.map(textOf).join(',')),
            files: new Set(points.map(({ id }) => nameIn(id))),
            notes: [],
            cursor: { ...cursor, passed: { ...passed }, next_point: next },
          };
        }
        if (next > to) return;
      }
    },
  };
}

function textOf({ attempt: _, ...point }: PointLine): string {
  return JSON.stringify(point);
}
