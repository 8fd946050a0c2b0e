/** A form of a JSON Schema: what each field is, and the configuration that its texts make. Pure. */
import { lineOf, wordsOf } from './words.ts';

export type Shape = {
  type?: string;
  description?: string;
  enum?: readonly string[];
  const?: unknown;
  properties?: Readonly<Record<string, Shape>>;
  required?: readonly string[];
  additionalProperties?: boolean | Shape;
  items?: Shape;
  anyOf?: readonly Shape[];
  minimum?: number;
  maximum?: number;
};
/** What was typed, by JSON Pointer of the field; what is left out is empty. */
export type Texts = Readonly<Record<string, string>>;
export type Kind = 'text' | 'number' | 'choice' | 'flag' | 'words' | 'pairs' | 'group' | 'json';

export function kindOf(shape: Shape): Kind {
  const { type, anyOf = [], items, properties } = shape;
  if (shape.enum !== undefined) return 'choice';
  if (type === 'boolean') return 'flag';
  if (isNumber(shape) || (anyOf.length > 0 && anyOf.every(isNumber))) return 'number';
  if (groupOf(shape) !== null) return 'group';
  if (type === 'object' && properties === undefined) return 'pairs';
  if (type === 'array') return items !== undefined && isWord(items) ? 'words' : 'json';
  return type === 'string' ? 'text' : 'json';
}

function isNumber({ type }: Shape): boolean {
  return type === 'integer' || type === 'number';
}

function isWord({ type, enum: choices, anyOf = [] }: Shape): boolean {
  return (
    type === 'string' ||
    choices !== undefined ||
    (anyOf.length > 0 && anyOf.every((each) => isWord(each) || isNumber(each)))
  );
}

/** The object with fields of its own that a shape is, or may be. */
export function groupOf(shape: Shape): Shape | null {
  if (shape.properties !== undefined) return shape;
  return shape.anyOf?.find(({ properties }) => properties !== undefined) ?? null;
}

/** The value that the texts make; undefined where nothing was typed. What is no number is left as it is, for the daemon to refuse. */
export function configOf(shape: Shape, pointer: string, texts: Texts): unknown {
  const text = texts[pointer] ?? '';
  const kind = kindOf(shape);
  if (kind === 'group') {
    const fields = Object.entries(groupOf(shape)?.properties ?? {}).flatMap(([name, inner]) => {
      const value = configOf(inner, `${pointer}/${name}`, texts);
      return value === undefined ? [] : [[name, value] as const];
    });
    const own = fields.length === 0 ? [] : [Object.fromEntries(fields) as unknown];
    const more = moreOf(texts, pointer);
    return more.length === 0 ? own[0] : [...own, ...more];
  }
  if (text.trim() === '') return undefined;
  if (kind === 'number') return Number.isNaN(Number(text)) ? text : Number(text);
  if (kind === 'flag') return text === 'on' ? true : undefined;
  if (kind === 'words') {
    const canBeNumber = shape.items?.anyOf?.some(isNumber) === true;
    return wordsOf(text).map((word) => (canBeNumber && /^\d+$/.test(word) ? Number(word) : word));
  }
  if (kind === 'pairs') return pairsOf(text);
  if (kind === 'json') {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text.trim();
}

/** Where the form keeps what it has no room for. No field has such a pointer. */
export function morePointer(pointer: string): string {
  return `${pointer}/#more`;
}

/** Rules of a group beyond the one that has fields. */
export function moreOf(texts: Texts, pointer: string): unknown[] {
  return JSON.parse(texts[morePointer(pointer)] || '[]') as unknown[];
}

/** `NAME=value`, one a line; a value may be empty, and a line without `=` is a name of nothing. */
function pairsOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      return at === -1 ? [line.trim(), ''] : [line.slice(0, at).trim(), line.slice(at + 1)];
    }),
  );
}

/** The texts of a configuration that is there: the way back. */
export function textsOf(shape: Shape, pointer: string, value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  const kind = kindOf(shape);
  if (kind === 'group' && typeof value === 'object' && !Array.isArray(value)) {
    const { properties = {} } = groupOf(shape) ?? {};
    const own = value as Record<string, unknown>;
    const all = Object.entries(properties).map(([name, inner]) =>
      textsOf(inner, `${pointer}/${name}`, own[name]),
    );
    return Object.assign({}, ...all) as Record<string, string>;
  }
  // Several rules where the form has room for one: the others stay as they are.
  if (kind === 'group' && Array.isArray(value)) {
    const [first, ...more] = value as unknown[];
    const rest = more.length === 0 ? {} : { [morePointer(pointer)]: JSON.stringify(more) };
    return { ...textsOf(shape, pointer, first), ...rest };
  }
  if (kind === 'flag') return value === true ? { [pointer]: 'on' } : {};
  if (kind === 'words' && Array.isArray(value)) return { [pointer]: lineOf(value.map(String)) };
  if (kind === 'pairs') {
    const lines = Object.entries(value as Record<string, string>);
    return { [pointer]: lines.map(([name, text]) => `${name}=${text}`).join('\n') };
  }
  return { [pointer]: kind === 'json' ? JSON.stringify(value) : String(value) };
}
