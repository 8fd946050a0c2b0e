/** Numbers and names as training scripts write them. */

/** A number: with exponent, without digits before or after the point, NaN and infinities in any case. */
export const numberPattern = String.raw`[-+]?(?:\d[\d_]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)`;

/** `29.`, `1e-3`, `nan`, `-inf`; NaN for whatever is none. */
export function toNumber(text: string): number {
  const lower = text.toLowerCase();
  if (lower.endsWith('nan')) return Number.NaN;
  if (lower.includes('inf')) return lower.startsWith('-') ? -Infinity : Infinity;
  return Number(text.replaceAll('_', ''));
}

/** Names under which scripts write how far they are; of several the first one here counts. */
const stepNames = [
  ...['global_step', '_step', 'step', 'steps', 'total_timesteps', 'timesteps', 'time_steps'],
  ...['timestep', 'iteration', 'iterations', 'iter', 'update', 'batch', 'epoch'],
];
const wallNames = ['_timestamp', 'wall_time', 'walltime', 'timestamp'];
/** Seconds since the epoch from 2001 on: a number that small is no time of day. */
const wallFromS = 1e9;

export type Named = readonly [key: string, value: number];

/** What a name says: how far down it is in the list of steps (-1: not there), and whether it is a time. */
type Meaning = { step: number; isWall: boolean };
/** Every line of a script has the same names. */
const meanings = new Map<string, Meaning>();
const meaningsMost = 10_000;

function meaningOf(key: string): Meaning {
  const known = meanings.get(key);
  if (known !== undefined) return known;
  const plain = (key.split('/').at(-1) ?? key).toLowerCase().replaceAll(/[ -]/g, '_');
  const made = { step: stepNames.indexOf(plain), isWall: wallNames.includes(plain) };
  if (meanings.size >= meaningsMost) meanings.clear();
  meanings.set(key, made);
  return made;
}

/** A set of values that were written together, with the step and the time among them taken out. */
export function pointsIn(values: readonly Named[]): {
  step: bigint | null;
  wallMs: number | null;
  others: Named[];
} {
  let stated: Named | null = null;
  let rank = stepNames.length;
  let wall: Named | null = null;
  for (const named of values) {
    const { step, isWall } = meaningOf(named[0]);
    if (step >= 0 && step < rank && Number.isInteger(named[1])) [stated, rank] = [named, step];
    if (isWall && wall === null && named[1] > wallFromS && named[1] < 1e11) wall = named;
  }
  return {
    step: stated === null ? null : BigInt(stated[1]),
    wallMs: wall === null ? null : wall[1] * 1000,
    others: values.filter((value) => value !== stated && value !== wall),
  };
}

/** The numbers of a JSON value; those inside objects are named by their path. */
export function numbersIn(value: unknown, key = ''): Named[] {
  const found: Named[] = [];
  gather(value, key, found);
  return found;
}

function gather(value: unknown, key: string, found: Named[]): void {
  if (typeof value === 'number') found.push([key, value]);
  else if (typeof value === 'string') {
    // JSON has none of these; who must write them writes a string.
    if (/^(?:NaN|-?Infinity)$/.test(value)) found.push([key, toNumber(value)]);
  } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    // Pictures, tables and histograms of wandb say what they are.
    if ('_type' in value) return;
    for (const name of Object.keys(value)) {
      const inner = (value as Record<string, unknown>)[name];
      gather(inner, key === '' ? name : `${key}.${name}`, found);
    }
  }
}

/** JSON as Python writes it: with bare NaN and infinities. Undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (!/NaN|Infinity/.test(text)) return undefined;
  }
  // Outside of strings only: inside of one it would be part of the text.
  const safe = text.replaceAll(
    /("(?:[^"\\]|\\.)*")|(-?)(NaN|Infinity)\b/g,
    (_, quoted: string | undefined, sign: string, name: string) => quoted ?? `"${sign}${name}"`,
  );
  try {
    return JSON.parse(safe);
  } catch {
    return undefined;
  }
}
