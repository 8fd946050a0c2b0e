/**
 * The points of an attempt as the text that the files have, in blocks: who passes a million of them on has no
 * need of a million objects.
 */
import fs from 'node:fs';
import { segmentFile, segmentsOf } from './journal.ts';
import { firstSegment, offsetOf, type Place } from './lines.ts';

export type PointsText = {
  first: number;
  last: number;
  /** A message of the bus, as far as points go. Of use until the next block is asked for. */
  json: Buffer;
};

const blockBytes = 256 * 1024;
/** Of what comes before the points. */
const headMost = 128;
const [newline, brace, comma, zero] = [0x0a, 0x7b, 0x2c, 0x30];

/** From a number on, as long as each follows on the one before. The disk is not waited for. */
export async function* textAfter(
  dir: string,
  name: string,
  { attempt, seq }: Place,
): AsyncGenerator<PointsText> {
  if (!fs.existsSync(dir)) return;
  const cut = createCut(attempt, seq);
  const block = Buffer.allocUnsafe(2 * blockBytes);
  const place = { attempt, seq };
  const numbers = segmentsOf(dir, name);
  for (const number of numbers.slice(firstSegment(dir, name, numbers, place))) {
    const file = segmentFile(dir, name, number);
    const opened = await fs.promises.open(file, 'r').catch(() => null);
    if (opened === null) return;
    try {
      let at = offsetOf(file, place);
      for (let held = 0; ; ) {
        const { bytesRead } = await opened.read(block, held, blockBytes, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        const { found, used, isWhole } = cut(block.subarray(0, held + bytesRead));
        if (found !== null) yield found;
        if (!isWhole) return;
        block.copyWithin(0, used, held + bytesRead);
        held += bytesRead - used;
        // No line of ours is that long.
        if (held > blockBytes) return;
      }
    } finally {
      await opened.close();
    }
  }
}

/** Takes lines as long as they are of the attempt, and numbered on from `next`; those before it are passed over. */
function createCut(attempt: number, next: number) {
  const head = Buffer.from(`{"attempt":${attempt},"seq":`);
  const dropped = `"attempt":${attempt},`.length;
  const out = Buffer.allocUnsafe(2 * blockBytes + headMost);
  return (lines: Buffer): { found: PointsText | null; used: number; isWhole: boolean } => {
    const first = next;
    let length = headMost;
    let used = 0;
    let isWhole = true;
    for (let end = lines.indexOf(newline); end >= 0; end = lines.indexOf(newline, used)) {
      const isOurs = lines.compare(head, 0, head.length, used, used + head.length) === 0;
      const seq = isOurs ? numberAt(lines, used + head.length) : 0;
      // Lines of earlier attempts come before.
      if (isOurs ? seq > next : next !== first) {
        isWhole = false;
        break;
      }
      if (isOurs && seq === next) {
        if (length > headMost) out[length++] = comma;
        out[length++] = brace;
        length += lines.copy(out, length, used + 1 + dropped, end);
        next += 1;
      }
      used = end + 1;
    }
    if (next === first) return { found: null, used, isWhole };
    const last = next - 1;
    const about = JSON.stringify({ v: 1, attempt, first_seq: first, last_seq: last });
    const opening = `${about.slice(0, -1)},"points":[`;
    out.write(opening, headMost - opening.length);
    length += out.write(']}', length);
    return {
      found: { first, last, json: out.subarray(headMost - opening.length, length) },
      used,
      isWhole,
    };
  };
}

function numberAt(data: Buffer, from: number): number {
  let number = 0;
  for (let at = from; ; at += 1) {
    const digit = (data[at] ?? 0) - zero;
    if (digit < 0 || digit > 9) return number;
    number = number * 10 + digit;
  }
}
