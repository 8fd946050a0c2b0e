/** The configuration of a run: checked by its schema, and reduced to a digest. */
import crypto from 'node:crypto';
import { RunyardError } from '../errors.ts';
import type { TrainRunConfig } from './gen/train-run-config.v1.ts';
import { validatorOf, violationsOf } from './schemas.ts';

export type { TrainRunConfig };

/** Throws config_invalid, with every broken rule at once. */
export function validateConfig(input: unknown): TrainRunConfig {
  const validate = validatorOf('train-run-config.v1');
  if (validate(input)) return input as TrainRunConfig;
  throw new RunyardError('config_invalid', 'the run configuration is not valid', {
    violations: violationsOf(validate),
  });
}

/** JSON with sorted keys and no spaces: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** SHA-256 of the canonical JSON, hex. */
export function configDigest(config: TrainRunConfig): string {
  return crypto.createHash('sha256').update(canonicalJson(config)).digest('hex');
}
