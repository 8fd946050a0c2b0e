/**
 * The page of the HTTP API (schemas/openapi.json) and its types: messages from the proto, the configuration of
 * a run from its schema, places and queries from the routes that are served.
 */
import fs from 'node:fs';
import path from 'node:path';
import swagger from '@fastify/swagger';
import { fastify, type RouteShorthandOptions } from 'fastify';
import { compile } from 'json-schema-to-typescript';
import protobuf from 'protobufjs';
import { needOf } from '../src/gate.ts';
import { objectOf, type Route } from '../src/transport/http/route.ts';
import { routes } from '../src/transport/http/routes/index.ts';

const root = path.dirname(import.meta.dirname);
const proto = 'schemas/runyard/v1/orchestrator.proto';
const configSchema = 'schemas/train-run-config.v1.schema.json';

type Json = Record<string, unknown>;
type Named = Json & { $id: string };

export async function openApi(): Promise<{ page: string; types: string }> {
  const components = [failure, config(), ...messages()];
  const page = await pageOf(components);
  return { page: `${JSON.stringify(page, null, 2)}\n`, types: await typesOf(components) };
}

async function pageOf(components: readonly Named[]): Promise<Json> {
  const app = fastify({ exposeHeadRoutes: false });
  // Nothing is served here.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => () => '');
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Runyard',
        version: '1',
        description:
          'The control API of a Runyard daemon over HTTP, on loopback. docs/console-api.md has how to log in, how errors look, and the events of /api/stream.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: {
        securitySchemes: {
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: 'runyard_…',
            description: 'From POST /api/session. What changes something needs x-runyard-csrf too.',
          },
          token: { type: 'http', scheme: 'bearer', description: 'The file `token` of the daemon.' },
        },
      },
    },
    refResolver: { buildLocalReference: (json) => String(json.$id) },
  });
  for (const component of components) app.addSchema(component);
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.url,
      schema: schemaOf(route) as RouteShorthandOptions['schema'] & object,
      handler: () => null,
    });
  }
  await app.ready();
  const page = app.swagger() as unknown as Json;
  await app.close();
  // What the framework calls the rest of a path.
  return JSON.parse(JSON.stringify(page).replaceAll('{*}', '{name}').replaceAll('"*"', '"name"'));
}

function schemaOf(route: Route): Json {
  const { method, url, summary, query, body, bytes, answer, media } = route;
  const need = needOf('http', `${method} ${url}`);
  const names = [...url.matchAll(/:(\w+)|(\*)$/g)].map(([, name, rest]) => name ?? rest ?? '');
  const params = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  return {
    operationId: operationOf(route),
    summary,
    security: need === 'anyone' ? [] : [{ session: [] }, { token: [] }],
    'x-role': need,
    ...(query === undefined ? {} : { querystring: objectOf(query, []) }),
    ...(body === undefined
      ? {}
      : { body: objectOf({ ...body.fields, ...body.shown }, body.required ?? []) }),
    ...(bytes === undefined
      ? {}
      : {
          consumes: ['application/octet-stream'],
          body: { type: 'string', format: 'binary' },
        }),
    ...(names.length === 0 ? {} : { params: objectOf(params, names) }),
    response: {
      200: media === undefined ? answer : { content: { [media]: { schema: answer } } },
      default: { $ref: 'Failure#' },
    },
  };
}

/** `getRunsRunLogs`: one that nobody else has. */
function operationOf({ method, url }: Route): string {
  const words = url
    .replace('/api', '')
    .split(/[^A-Za-z]+/)
    .filter((word) => word !== '');
  const rest = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return `${method.toLowerCase()}${rest}${url.endsWith('*') ? 'Bytes' : ''}`;
}

const failure: Named = {
  $id: 'Failure',
  type: 'object',
  description: 'An error, with a code of docs/errors.md.',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'retryable', 'who', 'violations'],
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        retryable: { type: 'boolean' },
        who: { enum: ['user', 'operator', 'developer'] },
        violations: { type: 'array', items: { $ref: 'Violation#' } },
      },
    },
  },
};

function config(): Named {
  const { $schema: _, ...schema } = JSON.parse(
    fs.readFileSync(path.join(root, configSchema), 'utf8'),
  ) as Json;
  return { ...schema, $id: 'TrainRunConfig' };
}

/** Messages that answers are made of, and those within them. */
function messages(): Named[] {
  const text = fs.readFileSync(path.join(root, proto), 'utf8');
  const options = { keepCase: true, alternateCommentMode: true, preferTrailingComment: true };
  const space = protobuf.parse(text, options).root.lookup('runyard.v1') as protobuf.Namespace;
  const found = new Map<string, Named>();
  const add = (name: string): void => {
    if (found.has(name)) return;
    const type = space.lookupType(name);
    const schema: Named = { $id: name, type: 'object' };
    found.set(name, schema);
    if (type.comment) schema.description = type.comment.replaceAll('\n', ' ');
    schema.properties = Object.fromEntries(
      type.fieldsArray.map((field) => {
        if (isMessage(field)) add(field.type);
        const described = field.comment ? { description: field.comment.replaceAll('\n', ' ') } : {};
        return [field.name, { ...described, ...fieldOf(field) }];
      }),
    );
    // As over gRPC, what is not set has its default.
    schema.required = type.fieldsArray.map(({ name: field }) => field);
  };
  const named = JSON.stringify(routes.map(({ answer }) => answer)).matchAll(/"\$ref":"(\w+)#"/g);
  for (const [, name = ''] of named) add(name);
  for (const name of ['Violation', 'LogChunk', 'MetricBatch']) add(name);
  return [...found.values()].sort((a, b) => (a.$id < b.$id ? -1 : 1));
}

function isMessage({ type }: protobuf.Field): boolean {
  return /^[A-Z]/.test(type);
}

const measured: Json = {
  anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }],
};
const scalars: Readonly<Record<string, Json>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  double: { type: 'number' },
  bytes: { type: 'string' },
  uint32: { type: 'integer' },
  uint64: { type: 'integer' },
  int32: { type: 'integer' },
};

function fieldOf(field: protobuf.Field): Json {
  const { type, parent, repeated } = field;
  const isMeasured = type === 'double' && /^Metric(Point|Key)$/.test(parent?.name ?? '');
  const one = isMessage(field) ? { $ref: `${type}#` } : isMeasured ? measured : scalars[type];
  if (one === undefined) throw new Error(`${parent?.name}.${field.name}: ${type} has no JSON form`);
  if (field.map) return { type: 'object', additionalProperties: one };
  if (repeated) return { type: 'array', items: one };
  return isMessage(field) ? { anyOf: [one, { type: 'null' }] } : one;
}

/** What each place answers, and all that answers are made of. */
function typesOf(components: readonly Named[]): Promise<string> {
  const json = routes.filter(({ media }) => media === undefined);
  const whole = {
    title: 'HttpAnswers',
    description: 'What each place of the HTTP API answers.',
    type: 'object',
    properties: Object.fromEntries(
      json.map(({ method, url, answer }) => [`${method} ${url}`, answer]),
    ),
    required: json.map(({ method, url }) => `${method} ${url}`),
    $defs: Object.fromEntries(components.map(({ $id, ...rest }) => [$id, { title: $id, ...rest }])),
  };
  const local = JSON.stringify(whole).replaceAll(/"\$ref":"(\w+)#"/g, '"$ref":"#/$defs/$1"');
  return compile(JSON.parse(local), 'HttpAnswers', {
    bannerComment: `/* Generated by scripts/gen.ts from ${proto}, ${configSchema} and the routes: do not edit. */`,
    additionalProperties: false,
    maxItems: 1,
    unreachableDefinitions: true,
    enableConstEnums: false,
    style: { singleQuote: true, printWidth: 100 },
  });
}
