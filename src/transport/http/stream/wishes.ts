/** What a tab asks for besides what changes in the yard. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { LogsRequest, MetricsRequest } from '../../../contracts/index.ts';
import { violationsOf } from '../../../contracts/index.ts';
import { RunyardError, type Violation } from '../../../errors.ts';
import type { Schema } from '../route.ts';

export type MetricsWish = { kind: 'metrics'; id: string } & Omit<
  MetricsRequest,
  'follow' | 'json' | 'last'
>;
export type LogsWish = { kind: 'logs'; id: string } & Omit<LogsRequest, 'follow'>;
/** Summaries of live runs whenever they differ: a heartbeat is no transition. */
export type RunsWish = { kind: 'runs'; id: string; runs: string[] };
export type Wish = MetricsWish | LogsWish | RunsWish;

/** Of one stream. */
export const wishesMost = 32;

const id = { type: 'string', minLength: 1, maxLength: 64 };
const run = { type: 'string', minLength: 1, maxLength: 200 };
const number = { type: 'integer', minimum: 0, default: 0 };
const word = { type: 'string', maxLength: 500, default: '' };
const flag = { type: 'boolean', default: false };

function one(kind: Wish['kind'], properties: object, required: readonly string[]): Schema {
  return {
    type: 'object',
    additionalProperties: false,
    properties: { kind: { const: kind }, id, ...properties },
    required: ['kind', 'id', ...required],
  };
}

const metrics = one(
  'metrics',
  {
    ...{ run, attempt: number, key: word, source: word, from_seq: number },
    ...{ thin: number, thin_width: number, snapshot: flag },
  },
  ['run'],
);
const logs = one(
  'logs',
  {
    ...{ run, attempt: number, from_seq: number, tail: number, since: word },
    ...{ stderr_only: flag, raw: flag, begun: flag },
  },
  ['run'],
);
const runs = one('runs', { runs: { type: 'array', maxItems: 100, items: run } }, ['runs']);

/** For the page of the API. */
export const wishSchema: Schema = { oneOf: [metrics, logs, runs] };

const ajv = new Ajv2020({ allErrors: true, strict: true, verbose: true, useDefaults: true });
const checks = {
  metrics: ajv.compile(metrics),
  logs: ajv.compile(logs),
  runs: ajv.compile(runs),
};

/** Throws `usage`. Of each kind by itself, so that what is left out can be filled in. */
export function checkWishes(wishes: readonly unknown[]): Wish[] {
  const violations: Violation[] = [];
  if (wishes.length > wishesMost) {
    violations.push({ field: '/', rule: `must be at most ${wishesMost}`, hint: '' });
  }
  wishes.forEach((wish, index) => {
    const kind = (wish as { kind?: unknown } | null)?.kind;
    const check = Object.entries(checks).find(([name]) => name === kind)?.[1];
    if (check === undefined) {
      const rule = `must be ${Object.keys(checks).join(', ')}`;
      violations.push({ field: `/${index}/kind`, rule, hint: '' });
    } else if (!check(wish)) {
      const found = violationsOf(check);
      violations.push(...found.map((each) => ({ ...each, field: `/${index}${each.field}` })));
    }
  });
  if (violations.length === 0) return wishes as Wish[];
  throw new RunyardError('usage', 'the subscriptions are not valid', { violations });
}

/** Those of a query. Throws `usage`. */
export function readWishes(json: string): Wish[] {
  if (json === '') return [];
  let wishes: unknown;
  try {
    wishes = JSON.parse(json);
  } catch {
    // Said below.
  }
  if (Array.isArray(wishes)) return checkWishes(wishes);
  const violations = [{ field: 'subs', rule: 'must be a JSON array', hint: '' }];
  throw new RunyardError('usage', 'the subscriptions are not valid', { violations });
}
