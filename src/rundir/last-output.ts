/** The last output of an attempt, with bounded memory however much there is. */
import { createOutputReader, type StreamName, segmentsOf } from './output.ts';

/** How far back it is looked: segments have 1 MiB. */
const segmentsMost = 8;

/** At most so many last bytes of each stream. Whole lines, but for the first one. */
export function lastOutput(dir: string, mostBytes: number): Record<StreamName, Buffer> {
  const last: Record<StreamName, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  const [from] = segmentsOf(dir)
    .sort((a, b) => a - b)
    .slice(-segmentsMost);
  if (from === undefined) return last;
  const reader = createOutputReader(dir, { segment: from, position: 0 });
  try {
    for (let records = reader.read(); records.length > 0; records = reader.read()) {
      for (const { stream, data } of records) {
        const joined = Buffer.concat([last[stream], data]);
        last[stream] = joined.subarray(Math.max(0, joined.length - mostBytes));
      }
    }
  } finally {
    reader.close();
  }
  return last;
}
