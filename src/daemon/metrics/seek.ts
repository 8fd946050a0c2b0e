/** Where in a stream a point of an attempt is: found by halving, not by reading what comes before it. */
import type { Stored, StoredReader } from '../../transport/nats/index.ts';

export type Place = { attempt: number; seq: number };
export type Head = { attempt: number; first_seq: number; last_seq: number };

const headBytes = 256;
const pattern =
  /^\{"v":1,"run_id":"[^"]{1,64}","attempt":(\d{1,9}),"first_seq":(\d{1,15}),"last_seq":(\d{1,15}),/;

/** What a message is about, without reading its points. */
export function headOf(data: Uint8Array): Head {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const found = pattern.exec(bytes.toString('latin1', 0, headBytes));
  if (found === null) return JSON.parse(bytes.toString('utf8')) as Head;
  return { attempt: Number(found[1]), first_seq: Number(found[2]), last_seq: Number(found[3]) };
}

/** The stream's sequence from which the place and all after it are read. */
export async function seek(reader: StoredReader, place: Place): Promise<number> {
  const [first, last] = await Promise.all([reader.next(1), reader.last()]);
  if (first === null || last === null) return 1;
  const isThere = ({ data }: Stored): boolean => {
    const { attempt, last_seq } = headOf(data);
    return attempt > place.attempt || (attempt === place.attempt && last_seq >= place.seq);
  };
  if (isThere(first)) return first.seq;
  if (!isThere(last)) return last.seq + 1;
  let [low, high] = [first.seq + 1, last.seq];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const found = await reader.next(middle);
    if (found === null || isThere(found)) high = middle;
    else low = found.seq + 1;
  }
  return low;
}

/** The last point of an attempt that is stored; 0 when there is none. */
export async function lastOf(reader: StoredReader, attempt: number): Promise<number> {
  const last = await reader.last();
  if (last === null) return 0;
  const head = headOf(last.data);
  if (head.attempt <= attempt) return head.attempt === attempt ? head.last_seq : 0;
  // Of an earlier one: what comes just before the first of a later one.
  const before = await reader.next((await seek(reader, { attempt: attempt + 1, seq: 0 })) - 1);
  const found = before === null ? null : headOf(before.data);
  return found?.attempt === attempt ? found.last_seq : 0;
}
