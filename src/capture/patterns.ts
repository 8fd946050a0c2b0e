/**
 * Points in lines that a script prints: CleanRL's, `key=value`, `key: value`, JSON and Python's dicts,
 * tables, progress bars. A line that names only a step is the step of those after it, as CORL prints.
 */
import { type Named, numberPattern, numbersIn, parseJson, pointsIn, toNumber } from './numbers.ts';
import type { Point } from './point.ts';

export type Printed = Pick<Point, 'key' | 'step' | 'value'>;

export type PatternState = {
  /** The step that a line of its own named last. */
  step: string | null;
  /** Names found so far: a script that prints ever new ones is not to flood the stream. */
  keys: string[];
};

export type Patterns = {
  pointsOf(line: string): Printed[];
  state(): PatternState;
};

const keysMax = 500;
const lineMax = 4096;
/** Whatever a terminal would not show. */
const controlStart = String.fromCharCode(27);
const escapes = new RegExp(`${controlStart}\\[[0-9;?]*[A-Za-z]`, 'g');
// Bounded, and begun at the beginning of a word only: a hostile line costs no more than its length.
const name = String.raw`(?<![\w./-])[A-Za-z_][\w./-]{0,79}`;
const pair = new RegExp(String.raw`(${name})\s*=\s*\[?\s*(${numberPattern})(?![\w.])`, 'gi');
const dictPair = new RegExp(String.raw`'([^'\\]{1,80})'\s*:\s*(${numberPattern})(?![\w.])`, 'gi');
const row = new RegExp(
  String.raw`^\|\s*([A-Za-z_][\w./ -]*?)\s*\|\s*(${numberPattern})\s*\|$`,
  'i',
);
/** A few words, a colon, a number; then the end or what parts it from the next. */
const labelled = new RegExp(
  String.raw`(?:^|[,;|]\s*|\s-\s+|\]\s*)([A-Za-z_][\w./()@ -]{0,47}?)\s*:\s+\[?(${numberPattern})\]?%?(?=\s*(?:$|[,;|]|-\s))`,
  'gi',
);
const progress = /(?:\d+%\||\[[=>.\s]*\]|it\/s|s\/it)/;
const progressCount = /\b(\d+)\/\d+\b/;

/** CleanRL prints short names of what its event file calls by section. */
const sections: Readonly<Record<string, string>> = {
  episodic_return: 'charts/episodic_return',
  episodic_length: 'charts/episodic_length',
  SPS: 'charts/SPS',
};

export function createPatterns(from: PatternState = { step: null, keys: [] }): Patterns {
  let current: bigint | null = from.step === null ? null : BigInt(from.step);
  const keys = new Set(from.keys);

  const known = ({ key }: Printed): boolean => {
    if (!keys.has(key) && keys.size >= keysMax) return false;
    keys.add(key);
    return true;
  };

  return {
    pointsOf(line) {
      // Cheap refusal first: most lines of a flood hold no number that could be one.
      if (line.length > lineMax || !/[=:|]/.test(line)) return [];
      const text = line.replaceAll(escapes, '').trim();
      const values = valuesOf(text);
      if (values.length === 0) return [];
      const { step, others } = pointsIn(values);
      if (others.length === 0) {
        current = step;
        return [];
      }
      const at = step ?? countOf(text) ?? current;
      return others
        .map(([key, value]): Printed => ({ key: sections[key] ?? key, step: at, value }))
        .filter(known);
    },
    state: () => ({ step: current === null ? null : String(current), keys: [...keys] }),
  };
}

function valuesOf(text: string): Named[] {
  if (text.startsWith('{') && text.endsWith('}')) {
    const json = parseJson(text);
    if (json !== undefined) return numbersIn(json);
    return found(text, dictPair);
  }
  const cells = row.exec(text);
  if (cells !== null) return [[cells[1] ?? '', toNumber(cells[2] ?? '')]];
  const pairs = found(text, pair);
  return pairs.length > 0 ? pairs : found(text, labelled);
}

function found(text: string, pattern: RegExp): Named[] {
  return [...text.matchAll(pattern)].map(([, key = '', value = '']) => [key, toNumber(value)]);
}

/** How far a progress bar is. */
function countOf(text: string): bigint | null {
  if (!progress.test(text)) return null;
  const count = progressCount.exec(text)?.[1];
  return count === undefined ? null : BigInt(count);
}
