/** Compiles the JSON Schemas, and turns what they reject into words. */
import fs from 'node:fs';
import path from 'node:path';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Violation } from '../errors.ts';

const root = path.resolve(import.meta.dirname, '../../schemas');
const compiled = new Map<string, ValidateFunction>();

/** The validator of `schemas/<name>.schema.json`, compiled on first use. */
export function validatorOf(name: string): ValidateFunction {
  const found = compiled.get(name);
  if (found !== undefined) return found;
  const schema = JSON.parse(fs.readFileSync(path.join(root, `${name}.schema.json`), 'utf8'));
  const ajv = new Ajv2020({ allErrors: true, strict: true, verbose: true, allowUnionTypes: true });
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  compiled.set(name, validate);
  return validate;
}

/** Each broken rule: where, which, and the way out. */
export function violationsOf(validate: ValidateFunction): Violation[] {
  const errors = validate.errors ?? [];
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf');
  // Of several ways that a value may have, what is wrong with each would only confuse.
  const inside = ({ schemaPath }: ErrorObject): boolean =>
    choices.some((choice) => schemaPath.startsWith(`${choice.schemaPath}/`));
  return errors.filter((error) => !inside(error)).map(violationOf);
}

function violationOf(error: ErrorObject): Violation {
  const { instancePath, params, keyword, message = 'is not allowed' } = error;
  const field = instancePath === '' ? '/' : instancePath;
  switch (keyword) {
    case 'additionalProperties': {
      const unknown = String(params.additionalProperty);
      const names = Object.keys(error.parentSchema?.properties ?? {});
      const near = nearest(unknown, names);
      return {
        field: `${instancePath}/${unknown}`,
        rule: 'is not a known field',
        hint: near === null ? `known fields: ${names.join(', ')}` : `did you mean "${near}"?`,
      };
    }
    case 'required': {
      const missing = String(params.missingProperty);
      return {
        field: `${instancePath}/${missing}`,
        rule: 'is required',
        hint:
          missing === 'command'
            ? 'give the program and its arguments, e.g. "command": ["python", "train.py"]'
            : `add "${missing}"`,
      };
    }
    case 'type':
      return { field, rule: `must be ${params.type}`, hint: `it is ${typeName(error.data)}` };
    case 'enum':
      return {
        field,
        rule: 'is not one of the allowed values',
        hint: `use one of ${params.allowedValues.join(', ')}`,
      };
    case 'anyOf':
      return { field, rule: 'is none of what is allowed', hint: describe(error) };
    case 'pattern':
      return { field, rule: `must match ${params.pattern}`, hint: describe(error) };
    default:
      return { field, rule: message, hint: describe(error) };
  }
}

function describe(error: ErrorObject): string {
  const { description } = (error.parentSchema ?? {}) as { description?: string };
  const got = JSON.stringify(error.data)?.slice(0, 60) ?? 'nothing';
  return description === undefined ? `it is ${got}` : `${description} It is ${got}`;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/** The name at an edit distance of at most 2, or null. */
function nearest(word: string, names: readonly string[]): string | null {
  const ranked = names
    .map((name) => ({ name, distance: distanceOf(word, name) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= 2 ? best.name : null;
}

function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
