/** The configuration of a run: checked by its schema, and reduced to a digest. */
import crypto from 'node:crypto';
import { RunyardError } from '../errors.ts';
import type { TrainRunConfig } from './gen/train-run-config.v1.ts';
import { validatorOf, violationsOf } from './schemas.ts';

export type { TrainRunConfig };

/** Throws config_invalid, with every broken rule at once. */
export function validateConfig(input: unknown): TrainRunConfig {
  const validate = validatorOf('train-run-config.v1');
  if (validate(input)) return checked(input as TrainRunConfig);
  throw new RunyardError('config_invalid', 'the run configuration is not valid', {
    violations: violationsOf(validate),
  });
}

/** What a schema could say only in a way that nobody would understand. */
function checked(config: TrainRunConfig): TrainRunConfig {
  const idle = [config.stop_when ?? []]
    .flat()
    .filter(({ below, above }) => below === undefined && above === undefined);
  if (idle.length === 0) return config;
  throw new RunyardError('config_invalid', 'the run configuration is not valid', {
    violations: idle.map(({ key }) => ({
      field: '/stop_when',
      rule: `the rule of "${key}" must say below or above what`,
      hint: 'such as {"key": "charts/episodic_return", "below": 50, "after_steps": 20000}',
    })),
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
