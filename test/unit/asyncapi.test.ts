/** `schemas/asyncapi.yaml` is valid AsyncAPI and says what the bus is: every subject, stream, limit and schema. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { controlBytesMax } from '../../src/contracts/bus.ts';
import { streamNames, subjects } from '../../src/transport/nats/index.ts';

type Ref = { $ref: string };
type Page = {
  channels: Record<
    string,
    {
      address: string;
      parameters: object;
      messages: Record<string, Ref>;
      'x-jetstream'?: { stream: string; max_msgs_per_subject: number; share_of_storage: number };
    }
  >;
  operations: Record<string, { channel: Ref }>;
  components: { messages: Record<string, { payload: Ref; 'x-bytes-max': number }> };
};

const schemas = path.resolve(import.meta.dirname, '../../schemas');
const page = parse(fs.readFileSync(path.join(schemas, 'asyncapi.yaml'), 'utf8'), {
  merge: true,
}) as Page;

test('the page is valid by AsyncAPI’s own schema, and its references lead somewhere', () => {
  const { schemas: official } = createRequire(import.meta.url)('@asyncapi/specs') as {
    schemas: Record<string, object>;
  };
  const ajv = new Ajv({ strict: false, meta: false, validateSchema: false, logger: false });
  (addFormats as unknown as { default: (ajv: Ajv) => void }).default(ajv);
  const isValid = ajv.compile(official['3.0.0'] ?? assert.fail('no schema of AsyncAPI 3.0'));
  assert.ok(isValid(page), JSON.stringify(isValid.errors?.slice(0, 5), null, 1));
  const broken = structuredClone(page);
  delete (broken.operations.beat as { channel?: Ref }).channel;
  assert.equal(isValid(broken), false);
  for (const ref of refsOf(page)) assert.notEqual(resolved(ref), undefined, ref);
});

test('the page has every subject and stream of the bus, and no other', () => {
  const of = subjects('{yard}') as Record<string, (run: string) => string>;
  assert.deepEqual(Object.keys(page.channels).sort(), Object.keys(of).sort());
  const streams = streamNames('YARD') as Record<string, string>;
  for (const [kind, channel] of Object.entries(page.channels)) {
    assert.equal(channel.address, of[kind]?.('{run_id}'));
    assert.equal(channel['x-jetstream']?.stream, streams[kind]?.replace('YARD', '{YARD}'), kind);
    const operations = Object.values(page.operations).filter(
      (operation) => operation.channel.$ref === `#/channels/${kind}`,
    );
    assert.equal(operations.length, 1, kind);
  }
});

test('the page has every schema of the bus, and what a message may weigh', () => {
  const files = fs.readdirSync(path.join(schemas, 'bus')).map((name) => `./bus/${name}`);
  const { messages } = page.components;
  const payloads = Object.values(messages).map(({ payload }) => payload.$ref);
  assert.deepEqual(payloads.sort(), files.sort());
  for (const [kind, { payload, 'x-bytes-max': most }] of Object.entries(messages)) {
    assert.equal(payload.$ref, `./bus/${kind}.v1.schema.json`);
    const isControl = ['event', 'fact', 'beat', 'claim'].includes(kind);
    assert.equal(most, isControl ? controlBytesMax : 2 ** 20, kind);
    const carried = Object.values(page.channels).flatMap((channel) =>
      Object.values(channel.messages).map(({ $ref }) => $ref),
    );
    assert.ok(carried.includes(`#/components/messages/${kind}`), kind);
  }
});

function refsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : refsOf(inner),
  );
}

/** What a reference means: a part of the page, or a file beside it. */
function resolved(ref: string): unknown {
  if (!ref.startsWith('#/')) return fs.existsSync(path.join(schemas, ref)) ? true : undefined;
  let at: unknown = page;
  for (const name of ref.slice(2).split('/')) at = (at as Record<string, unknown>)?.[name];
  return at;
}
