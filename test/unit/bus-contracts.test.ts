import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import {
  decode,
  type EventMessage,
  encode,
  fromBusNumber,
  type MetricsMessage,
  toBusInteger,
  toBusNumber,
  validate,
} from '../../src/contracts/bus.ts';
import { RunyardError } from '../../src/errors.ts';
import { streamNames, subjects } from '../../src/transport/nats/index.ts';

const root = path.resolve(import.meta.dirname, '../..');
const at = '2026-01-02T03:04:05.678Z';

const event: EventMessage = {
  v: 1,
  run_id: 'k3f9a2mx',
  seq: 1,
  pos: 7,
  at,
  attempt: 0,
  event: 'run.submitted',
  from: '',
  to: 'queued',
  detail: {},
  machine_version: '1',
};

test('the generated types are those of the schemas', async () => {
  const { exitCode, stderr } = await execa(
    process.execPath,
    [path.join(root, 'scripts/gen.ts'), '--check'],
    { reject: false },
  );
  assert.equal(exitCode, 0, stderr);
});

test('a message comes back as it went, unknown fields included', () => {
  assert.deepEqual(decode('event', encode('event', event)), event);
  const newer = { ...event, added_later: true };
  assert.deepEqual(decode('event', JSON.stringify(newer)), newer);
});

test('a message that breaks its schema is refused with the place', () => {
  const broken = { ...event, seq: 0 };
  assert.deepEqual(
    validate('event', broken).map(({ field }) => field),
    ['/seq'],
  );
  assert.throws(() => encode('event', broken), RunyardError);
  assert.throws(() => decode('event', '{'), RunyardError);
  assert.notDeepEqual(validate('fact', {}), []);
});

test('a control message over 4,096 bytes is refused', () => {
  const large = { ...event, detail: { text: 'x'.repeat(4096) } };
  assert.throws(
    () => encode('event', large),
    (error: RunyardError) => error.code === 'message_too_large',
  );
});

test('numbers that JSON cannot carry travel as strings', () => {
  const values = [1.5, -0.25, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const points = values.map((value, index) => ({
    seq: index + 1,
    key: 'loss',
    step: toBusInteger(2n ** 60n + BigInt(index)),
    wall: at,
    value: toBusNumber(value),
    source: 'stdout',
    id: String(index),
  }));
  const message: MetricsMessage = {
    v: 1,
    run_id: 'k3f9a2mx',
    attempt: 1,
    first_seq: 1,
    last_seq: points.length,
    points,
    cursor: { anything: 1 },
  };
  const read = decode('metrics', encode('metrics', message)).points;
  assert.deepEqual(
    read.map(({ value }) => fromBusNumber(value)),
    values,
  );
  assert.equal(read[1]?.step, '1152921504606846977');
  assert.equal(toBusInteger(12), 12);
});

test('every subject begins with the yard, and its stream is named after it', () => {
  assert.equal(subjects('ws1').events('k3f9a2mx'), 'ws1.runs.k3f9a2mx.events');
  assert.equal(streamNames('ws-1').events, 'WS-1_EVENTS');
});
