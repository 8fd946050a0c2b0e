/** The cells of a matrix: `seed=1..3 env-id=A,B` are six. Pure. */
import { usage } from './context.ts';
import { isObject } from './values.ts';

/** What one run is given, by key. */
export type Cell = Readonly<Record<string, string>>;
/** Cells that exclude each other, each of the same keys: mostly the values of one key. */
export type Axis = readonly Cell[];

/** Of one sweep: the daemon takes no more in one call. */
export const cellsMost = 10_000;

const keyPattern = /^[A-Za-z_][A-Za-z0-9_./-]{0,62}$/;
const valueMost = 200;

/** The axes of `KEY=VALUES` words. Throws usage. */
export function axesOf(words: readonly string[]): Axis[] {
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at < 1)
      throw usage(
        '--matrix',
        `must be KEY=VALUES, not "${word}"`,
        'such as seed=1..5 env-id=A,B; put -- before the command',
      );
    const key = checkedKey(word.slice(0, at));
    return valuesOf(word.slice(at + 1), key).map((value) => ({ [key]: value }));
  });
}

/** The axes of a file that was read: a mapping of keys to values, or a list of cells. Throws usage. */
export function axesOfFile(data: unknown, file: string): Axis[] {
  if (Array.isArray(data) && data.length > 0) {
    const cells = data.map((item, index) => cellIn(item, `${file}, cell ${index + 1}`));
    const keys = (cell: Cell): string => Object.keys(cell).sort().join(', ');
    const other = cells.findIndex((cell) => keys(cell) !== keys(cells[0] ?? {}));
    if (other > 0)
      throw usage(
        '--matrix-file',
        `cell ${other + 1} of ${file} has the keys ${keys(cells[other] ?? {})}, the first ${keys(cells[0] ?? {})}`,
        'each cell has to name the same keys',
      );
    return [cells];
  }
  if (!isObject(data) || Object.keys(data).length === 0)
    throw usage('--matrix-file', `${file} must hold keys with values, or a list of cells`);
  return Object.entries(data).map(([name, given]) => {
    const key = checkedKey(name);
    const values = Array.isArray(given)
      ? given.map((item) => textOf(item, `${file}, ${key}`))
      : valuesOf(textOf(given, `${file}, ${key}`), key);
    return checkedValues(values, key).map((value) => ({ [key]: value }));
  });
}

/** Every combination, the last axis changing fastest. Throws usage, also when there are too many. */
export function cellsOf(axes: readonly Axis[]): Cell[] {
  const seen = new Set<string>();
  for (const key of axes.flatMap(([first = {}]) => Object.keys(first))) {
    if (seen.has(key)) throw usage('--matrix', `has the key "${key}" twice`, `${key}=A,B`);
    seen.add(key);
  }
  const count = axes.reduce((product, axis) => product * axis.length, 1);
  if (count > cellsMost) throw tooMany(axes.map((axis) => axis.length).join(' × '), count);
  return axes.reduce<Cell[]>(
    (cells, axis) => cells.flatMap((cell) => axis.map((more) => ({ ...cell, ...more }))),
    [{}],
  );
}

/** Values of `1..5`, `0..1..0.25`, `A,B` and `"a,b",c`. Throws usage. */
export function valuesOf(text: string, key: string): string[] {
  const values = itemsOf(text, key).flatMap(({ value, quoted }) => {
    if (quoted) return [value];
    if (value === '')
      throw usage('--matrix', `${key} has an empty value`, `write it as ${key}='""'`);
    return rangeOf(value, key) ?? [value];
  });
  return checkedValues(values, key);
}

type Item = { value: string; quoted: boolean };

/** Parts between commas; in quotes a comma and two dots are nothing special. */
function itemsOf(text: string, key: string): Item[] {
  const items: Item[] = [];
  let item: Item = { value: '', quoted: false };
  let quote = '';
  for (const character of text) {
    if (quote !== '') {
      if (character === quote) quote = '';
      else item.value += character;
    } else if (character === ',') {
      items.push(item);
      item = { value: '', quoted: false };
    } else if ((character === '"' || character === "'") && item.value === '') {
      quote = character;
      item.quoted = true;
    } else item.value += character;
  }
  if (quote !== '') throw usage('--matrix', `${key} has a ${quote} that is not closed`);
  return [...items, item];
}

const numberPattern = /^-?\d+(\.\d+)?$/;

/** `a..b` and `a..b..step`, both ends included, upwards or downwards; null when it is no range. */
function rangeOf(text: string, key: string): string[] | null {
  const parts = text.split('..');
  if (parts.length < 2 || !parts.every((part) => numberPattern.test(part))) return null;
  const [from = '', to = '', by] = parts;
  const digits = Math.max(...parts.map((part) => part.split('.')[1]?.length ?? 0));
  if (parts.length > 3) throw usage('--matrix', `${key} has a range of ${parts.length} numbers`);
  if (digits > 0 && by === undefined)
    throw usage('--matrix', `the range ${text} of ${key} needs a step`, `such as ${text}..0.1`);
  // In whole units of the last digit: sums of fractions would not be exact.
  const [first, last, step] = [from, to, by ?? '1'].map((part) =>
    Math.round(Number(part) * 10 ** digits),
  ) as [number, number, number];
  if (step <= 0) throw usage('--matrix', `the step of ${text} must be more than 0`);
  const count = Math.floor(Math.abs(last - first) / step) + 1;
  if (count > cellsMost) throw tooMany(text, count);
  const width = /^0\d/.test(from) || /^0\d/.test(to) ? Math.max(from.length, to.length) : 0;
  return Array.from({ length: count }, (_, index) => {
    const value = first + Math.sign(last - first) * step * index;
    return digits === 0
      ? String(value).padStart(width, '0')
      : String(Number((value / 10 ** digits).toFixed(digits)));
  });
}

function tooMany(what: string, count: number) {
  return usage(
    '--matrix',
    `${what} are ${count.toLocaleString('en')} runs, at most ${cellsMost.toLocaleString('en')} may be`,
    'submit it in parts, with the same --group',
  );
}

function checkedKey(key: string): string {
  if (keyPattern.test(key)) return key;
  const rule = `"${key}" is no key: it begins with a letter, and goes on with letters, digits and _ . / -`;
  throw usage('--matrix', rule, 'the dashes of an option are not part of it: seed=1..3');
}

function checkedValues(values: readonly string[], key: string): string[] {
  const seen = new Set<string>();
  for (const value of values) {
    if (seen.has(value)) throw usage('--matrix', `${key} has the value "${value}" twice`);
    if (value.length > valueMost)
      throw usage(
        '--matrix',
        `a value of ${key} has ${value.length} characters, at most ${valueMost}`,
      );
    seen.add(value);
  }
  if (values.length === 0) throw usage('--matrix', `${key} has no values`);
  return [...values];
}

function cellIn(item: unknown, where: string): Cell {
  if (!isObject(item) || Object.keys(item).length === 0)
    throw usage('--matrix-file', `${where} must be keys with one value each`);
  return Object.fromEntries(
    Object.entries(item).map(([key, value]) => {
      const [text = ''] = checkedValues([textOf(value, `${where}, ${key}`)], key);
      return [checkedKey(key), text];
    }),
  );
}

function textOf(value: unknown, where: string): string {
  if (['string', 'number', 'boolean'].includes(typeof value)) return String(value);
  throw usage('--matrix-file', `${where} must be a text, a number, true or false`);
}
