/** Why points are not there any more, as far as that can be known. */
import fs from 'node:fs';
import path from 'node:path';
import type { GapReason } from '../../contracts/index.ts';
import { segmentsOf } from '../../history/index.ts';
import { attemptFiles } from '../../rundir/index.ts';
import type { StoredReader } from '../../transport/nats/index.ts';

/** Of an attempt's points that neither the bus nor the files of the run in `dir` have; null: the bus is away. */
export async function reasonOf(
  dir: string,
  { name, attempt }: { name: string; attempt: number },
  reader: StoredReader | null,
): Promise<GapReason> {
  if (!fs.existsSync(dir)) return 'run_deleted';
  // The oldest of the files have gone.
  if ((segmentsOf(dir, name)[0] ?? 1) > 1) return 'evicted';
  const spec = path.join(dir, 'attempts', String(attempt), attemptFiles.spec);
  const begun = fs.statSync(spec, { throwIfNoEntry: false })?.mtimeMs;
  if (reader === null) return 'bus_away';
  const made = Date.parse(await reader.made().catch(() => ''));
  return begun !== undefined && made > begun ? 'bus_lost' : 'evicted';
}
