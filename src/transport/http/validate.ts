/** Compiles the schemas of routes; what they reject is told as everywhere else. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifySchemaCompiler } from 'fastify';
import { violationsOf } from '../../contracts/index.ts';
import { RunyardError } from '../../errors.ts';

const common = {
  allErrors: true,
  strict: true,
  allowUnionTypes: true,
  verbose: true,
  useDefaults: true,
} as const;

export function createValidatorCompiler(): FastifySchemaCompiler<object> {
  const exact = new Ajv2020(common);
  // In a query everything is text.
  const fromText = new Ajv2020({ ...common, coerceTypes: true });
  return ({ schema, httpPart }) => {
    const ajv = httpPart === 'body' ? exact : fromText;
    const validate = ajv.compile(schema);
    return (data: unknown) => {
      if (validate(data)) return { value: data };
      const violations = violationsOf(validate);
      return { error: new RunyardError('usage', 'the request is not valid', { violations }) };
    };
  };
}
