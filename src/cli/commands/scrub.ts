/** Takes secrets out of text: those that are known, and what looks like one. */
import fs from 'node:fs';
import path from 'node:path';

export type Scrub = (text: string) => string;

const gone = '[removed]';
/** Shorter values would take half of a text away with them. */
const leastLength = 6;
const tellingName =
  /(TOKEN|SECRET|PASS|PWD|CREDENTIAL|KEY|AUTH|COOKIE|DSN|WEBHOOK|PRIVATE|SESSION)/i;

/** Values of variables that are named like secrets, here and in the runs' environments; our own credentials. */
export function secretsOf(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): string[] {
  const found = new Set<string>();
  const add = (value: unknown): void => {
    if (typeof value === 'string' && value.trim().length >= leastLength) found.add(value.trim());
  };
  const addTelling = (all: Readonly<Record<string, string | undefined>>): void => {
    for (const [name, value] of Object.entries(all)) if (tellingName.test(name)) add(value);
  };
  addTelling(env);
  add(read(path.join(home, 'token')));
  for (const name of ['bus/credentials.json', 'bus/readers.json', 'console-sessions.json'])
    for (const value of textsIn(read(path.join(home, name)))) if (value.length >= 16) add(value);
  for (const run of list(path.join(home, 'runs')))
    addTelling(variablesIn(read(path.join(home, 'runs', run, 'env'))));
  // The longest first, so that none is left over of another that it is part of.
  return [...found].sort((a, b) => b.length - a.length);
}

export function createScrubber(secrets: readonly string[]): Scrub {
  return (text) => {
    let left = text;
    for (const secret of secrets) {
      left = left.replaceAll(secret, gone);
      // As it stands within JSON.
      left = left.replaceAll(JSON.stringify(secret).slice(1, -1), gone);
    }
    for (const [pattern, instead] of patterns) left = left.replaceAll(pattern, instead);
    return left;
  };
}

const patterns: readonly (readonly [RegExp, string])[] = [
  // Users and passwords in addresses; what a query says.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, `$1${gone}@`],
  [/\b(https?:\/\/[^\s"'?]+)\?[^\s"']*/gi, `$1?${gone}`],
  [
    /\b(authorization|bearer|basic)(["']?\s*[:=]?\s*["']?)(bearer\s+|basic\s+)?[\w.~+/=-]{6,}/gi,
    `$1$2${gone}`,
  ],
  // password=…, "token": "…", --api-key …
  [
    /((?:token|secret|passw(?:or)?d|passphrase|credential|api[-_]?key|access[-_]?key|private[-_]?key|auth|cookie|dsn|webhook)[\w-]*["']?\s*[:=\s]\s*["']?)[^\s"',;}&]{3,}/gi,
    `$1${gone}`,
  ],
  // Known shapes: GitHub, OpenAI and Anthropic, Slack, AWS, Hugging Face, JWT, NATS seeds.
  [/\b(gh[pousr]_|github_pat_|sk-|xox[abprs]-|AKIA|ASIA|hf_|glpat-|npm_|pypi-)[\w-]{8,}/g, gone],
  [/\beyJ[\w-]{10,}\.[\w-]{10,}(\.[\w-]*)?/g, gone],
  [/\bS[UAOCNX][A-Z2-7]{50,}\b/g, gone],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, gone],
  // Long runs of hexadecimal or of mixed letters and digits that are no words, paths or times.
  [/\b[0-9a-f]{32,}\b/gi, gone],
  [
    /(?<![\w/.-])(?=[A-Za-z0-9+_-]*\d)(?=[A-Za-z0-9+_-]*[A-Z])(?=[A-Za-z0-9+_-]*[a-z])[A-Za-z0-9+_-]{24,}={0,2}/g,
    gone,
  ],
];

/** NUL-separated `NAME=value`. */
function variablesIn(text: string): Record<string, string> {
  const pairs = text.split('\0').map((entry) => [entry.split('=', 1)[0] ?? '', entry] as const);
  return Object.fromEntries(pairs.map(([name, entry]) => [name, entry.slice(name.length + 1)]));
}

function* textsIn(json: string): Generator<string> {
  try {
    const values: unknown[] = [JSON.parse(json)];
    for (let value = values.pop(); value !== undefined; value = values.pop()) {
      if (typeof value === 'string') yield value;
      else if (typeof value === 'object' && value !== null) values.push(...Object.values(value));
    }
  } catch {
    // Not there, or not ours.
  }
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function list(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch {
    return [];
  }
}
