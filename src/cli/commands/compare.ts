import type { Context } from '../context.ts';
export type CompareFlags = { key?: string; plot?: boolean };
export async function compare(
  _c: Context,
  _r: readonly string[],
  _f: CompareFlags,
): Promise<number> {
  return 0;
}
