import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  controlMaxBytes,
  fromStatus,
  fromStruct,
  loadProto,
  orchestratorService,
  toStatus,
  toStruct,
} from '../../src/contracts/index.ts';
import { type ErrorCode, errorCodes, RunyardError } from '../../src/errors.ts';
import { fit } from '../../src/transport/grpc/fit.ts';

const definition = loadProto();
const service = orchestratorService(definition);
const serialize = (method: string) => (message: object) => {
  const found = service[method];
  assert(found !== undefined);
  return found.responseSerialize(message);
};

test('a JSON value survives the way through google.protobuf.Struct and the wire', () => {
  const submit = service.SubmitRun;
  assert(submit !== undefined);
  const json = fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false }));
  fc.assert(
    fc.property(json, (value) => {
      const bytes = submit.requestSerialize({ config: toStruct(value) });
      // JSON knows no minus zero; the wire does.
      const plain = (item: object) => ({ ...JSON.parse(JSON.stringify(item)) });
      assert.deepEqual(plain(fromStruct(submit.requestDeserialize(bytes).config)), plain(value));
    }),
  );
});

test('every error code comes back with its violations', () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const violations = [{ field: '/a', rule: 'r', hint: 'h' }];
    const sent = toStatus(definition, new RunyardError(code, 'text', { violations }));
    const back = fromStatus(definition, { ...sent, message: sent.details });
    assert.deepEqual([back.code, back.message, back.violations], [code, 'text', violations]);
  }
});

test('F5: no summary and no event is ever more than 4,096 bytes, however long its fields', () => {
  const text = fc.string({ maxLength: 6000, unit: 'binary', size: 'max' });
  const detail = fc
    .dictionary(fc.string(), fc.string({ maxLength: 5000, size: 'max' }))
    .map((v) => JSON.stringify(v));
  const event = fc.record({
    run_id: fc.constant('k3f9a2mx'),
    event: text,
    to: text,
    detail_json: detail,
  });
  const tags = fc.array(text, { maxLength: 40 });
  const summary = fc.record({
    why: text,
    command: text,
    cwd: text,
    tags,
    failure_reason: fc.record({ code: text, text }),
  });
  fc.assert(
    fc.property(event, summary, (e, s) => {
      assert(fit(e, serialize('StreamStatus')).length <= controlMaxBytes);
      assert(fit(s, serialize('GetRun')).length <= controlMaxBytes);
    }),
    { numRuns: 50, endOnFailure: true },
  );
});

test('an event that had to be cut keeps a detail that is JSON', () => {
  const status = service.StreamStatus;
  assert(status !== undefined);
  const detail_json = JSON.stringify({ pid: 7, text: 'x'.repeat(9000) });
  const event = status.responseDeserialize(fit({ seq: 3, detail_json }, status.responseSerialize));
  assert.equal(event.seq, 3);
  assert.equal(JSON.parse(event.detail_json).pid, 7);
});
