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

/** A set of values that were written together, with the step and the time among them taken out. */
export function pointsIn(values: readonly Named[]): {
  step: bigint | null;
  wallMs: number | null;
  others: Named[];
} {
  const plain = ([key]: Named): string =>
    (key.split('/').at(-1) ?? key).toLowerCase().replaceAll(/[ -]/g, '_');
  const stated = stepNames
    .map((name) => values.find((value) => plain(value) === name && Number.isInteger(value[1])))
    .find((found) => found !== undefined);
  const wall = values.find(
    (value) => wallNames.includes(plain(value)) && value[1] > wallFromS && value[1] < 1e11,
  );
  return {
    step: stated === undefined ? null : BigInt(stated[1]),
    wallMs: wall === undefined ? null : wall[1] * 1000,
    others: values.filter((value) => value !== stated && value !== wall),
  };
}

/** The numbers of a JSON value; those inside objects are named by their path. */
export function numbersIn(value: unknown, key = ''): Named[] {
  if (typeof value === 'number') return [[key, value]];
  if (typeof value === 'string') {
    // JSON has none of these; who must write them writes a string.
    return /^(?:NaN|-?Infinity)$/.test(value) ? [[key, toNumber(value)]] : [];
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  // Pictures, tables and histograms of wandb say what they are.
  if ('_type' in value) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    numbersIn(inner, key === '' ? name : `${key}.${name}`),
  );
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
