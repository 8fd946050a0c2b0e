/** Finds metric points in lines of output. CleanRL's lines for now; more adapters are to follow. */
export type Found = { readonly key: string; readonly step: number | null; readonly value: number };

const number = String.raw`[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf)`;
const episode = new RegExp(
  String.raw`^global_step=(\d+), episodic_return=\[?\s*(${number})\s*\]?`,
  'i',
);
const speed = new RegExp(String.raw`^SPS: (${number})\s*$`, 'i');

/** Bytes that a line with points begins with. */
export const initials: ReadonlySet<number> = new Set(Buffer.from('gGsS'));

/** Points of one line: `global_step=28, episodic_return=[29.]` and `SPS: 9543`. */
export function pointsOf(line: string): Found[] {
  const match = episode.exec(line);
  if (match !== null) {
    const [, step = '', value = ''] = match;
    return [{ key: 'charts/episodic_return', step: Number(step), value: toNumber(value) }];
  }
  const sps = speed.exec(line);
  return sps === null ? [] : [{ key: 'charts/SPS', step: null, value: toNumber(sps[1] ?? '') }];
}

/** A number as Python prints it: `29.`, `nan`, `-inf`. */
function toNumber(text: string): number {
  const lower = text.toLowerCase();
  if (lower.endsWith('nan')) return Number.NaN;
  if (lower.endsWith('inf')) return lower.startsWith('-') ? -Infinity : Infinity;
  return Number(text);
}
