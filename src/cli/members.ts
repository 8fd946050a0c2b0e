/** From a configuration and the cells of a matrix to the runs of a sweep. Pure. */
import crypto from 'node:crypto';
import path from 'node:path';
import { usage } from './context.ts';
import type { Cell } from './matrix.ts';

/** How a value that the command does not name is handed to it. */
export const styles = ['args', 'equals', 'hydra'] as const;
export type Style = (typeof styles)[number];

export type Member = { cell: Cell; config: Record<string, unknown>; key: string };
export type Sweep = {
  group: string;
  /** By which each member's key is made: the same sweep again makes no second run. */
  id: string;
  members: Member[];
  /** `{…}` in the command that no key of the matrix is. */
  unknown: string[];
};

const nameMost = 63;
/** `${…}` is the shell's. */
const placeholder = /(?<!\$)(?:\{\{([\w./-]+)\}\}|\{([\w./-]+)\})/g;

/** Throws usage. */
export function sweepOf(given: {
  config: Readonly<Record<string, unknown>>;
  cells: readonly Cell[];
  style: string;
  key: string | undefined;
  newId: () => string;
}): Sweep {
  const { config, cells, style } = given;
  if (!isStyle(style))
    throw usage('--style', `must be ${styles.join(', ')}, not "${style}"`, '--style hydra');
  const command = config.command;
  if (!Array.isArray(command) || command.length === 0)
    throw usage('command', 'is missing', 'runyard sweep --matrix seed=1..3 -- python train.py');
  const words = command.map(String);
  const stem = stemOf(words);
  const id = given.key ?? given.newId();
  const group =
    typeof config.group === 'string' ? config.group : `${stem.slice(0, 50)}-${tagOf(id)}`;
  const keys = Object.keys(cells[0] ?? {});
  const env = isTexts(config.env) ? config.env : {};
  const used = placesIn([...words, ...Object.values(env)]);
  const appended = keys.filter((key) => !used.has(key));
  const members = cells.map((cell): Member => {
    const name =
      typeof config.name === 'string' ? filled(config.name, cell, nameable) : nameOf(stem, cell);
    return {
      cell,
      key: `${id}:${digestOf(cell)}`,
      config: {
        ...config,
        group,
        name: name.slice(0, nameMost),
        command: [
          ...words.map((word) => filled(word, cell)),
          ...appended.flatMap((key) => wordsFor(key, cell[key] ?? '', style)),
        ],
        ...(typeof config.note === 'string' ? { note: filled(config.note, cell) } : {}),
        ...(typeof config.cwd === 'string' ? { cwd: filled(config.cwd, cell) } : {}),
        ...listOf('tags', config.tags, cell),
        ...listOf('artifacts', config.artifacts, cell),
        ...(isTexts(config.env) ? { env: valuesFilled(config.env, cell) } : {}),
        params: { ...(isTexts(config.params) ? config.params : {}), ...cell },
      },
    };
  });
  return { group, id, members, unknown: [...used].filter((name) => !keys.includes(name)) };
}

/** `seed=1 env-id=A`. */
export function cellText(cell: Cell): string {
  return Object.entries(cell)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/** `{key}` with its value, `{{key}}` without a pair of its braces; of other keys as it is. */
export function filled(
  text: string,
  cell: Cell,
  how: (value: string) => string = (value) => value,
): string {
  return text.replaceAll(
    placeholder,
    (whole, kept: string | undefined, key: string | undefined) => {
      if (kept !== undefined) return kept in cell ? `{${kept}}` : whole;
      const value = Object.hasOwn(cell, key ?? '') ? cell[key ?? ''] : undefined;
      return value === undefined ? whole : how(value);
    },
  );
}

function placesIn(texts: readonly string[]): Set<string> {
  const names = texts.flatMap((text) => [...text.matchAll(placeholder)].map(([, , key]) => key));
  return new Set(names.filter((name) => name !== undefined));
}

function wordsFor(key: string, value: string, style: Style): string[] {
  if (style === 'hydra') return [`${key}=${value}`];
  return style === 'equals' ? [`--${key}=${value}`] : [`--${key}`, value];
}

/** What people would call it: of `python train_dqn.py` `train_dqn`, of `python -m pkg.train` `train`. */
function stemOf(words: readonly string[]): string {
  const script = words.find((word) => /\.(py|sh|js|ts|jl|R|lua)$/.test(word));
  const at = words.indexOf('-m');
  const module = at > 0 && /python/.test(words[0] ?? '') ? words[at + 1]?.split('.').at(-1) : null;
  const text = script === undefined ? (module ?? words[0] ?? '') : script.replace(/\.\w+$/, '');
  return nameable(path.basename(text)).replace(/^[^A-Za-z0-9]+/, '') || 'sweep';
}

/** `dqn-seed1-CartPole-v1`: a number says little without its key. */
function nameOf(stem: string, cell: Cell): string {
  const parts = Object.entries(cell).map(([key, value]) =>
    Number.isNaN(Number(value)) ? value : `${key}${value}`,
  );
  return nameable([stem, ...parts].join('-'));
}

/** As a name may be written. */
function nameable(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
}

function listOf(field: string, given: unknown, cell: Cell): object {
  if (!Array.isArray(given)) return {};
  return { [field]: given.map((item) => (typeof item === 'string' ? filled(item, cell) : item)) };
}

function valuesFilled(env: Readonly<Record<string, string>>, cell: Cell): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, text]) => [name, filled(text, cell)]));
}

function digestOf(cell: Cell): string {
  const sorted = Object.entries(cell).sort(([a], [b]) => (a < b ? -1 : 1));
  return crypto.createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}

/** Four characters of an id, of which it may be anything. */
function tagOf(id: string): string {
  const bytes = crypto.createHash('sha256').update(id).digest();
  return [...bytes.subarray(0, 4)].map((byte) => letters[byte % 32]).join('');
}

const letters = 'abcdefghijklmnopqrstuvwxyz234567';

function isStyle(text: string): text is Style {
  return (styles as readonly string[]).includes(text);
}

function isTexts(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((item) => typeof item === 'string')
  );
}
