/** F5, small-control: whatever it is asked to say, no control message of ours passes 4,096 bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { detailOf } from '../../src/actors/rows.ts';
import { controlBytesMax, encode } from '../../src/contracts/bus.ts';
import { controlMaxBytes, loadProto, orchestratorService } from '../../src/contracts/index.ts';
import { detailMaxBytes, fitted } from '../../src/small.ts';
import { limited } from '../../src/transport/grpc/handlers.ts';
import { events as samples } from '../model/chart.ts';

/** Every kind of character, those that JSON or UTF-8 make long among them. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 5000, size: 'max' }),
  fc.string({
    unit: fc.constantFrom('\u0001', '"', '€', '😀', '\ud800'),
    maxLength: 5000,
    size: 'max',
  }),
);
const slots = fc.array(fc.uuid(), { maxLength: 64, size: 'max' });

/** An event of the chart with its texts and lists replaced by any others. */
const events = fc
  .tuple(fc.constantFrom(...samples), text, text, text, slots)
  .map(([event, a, b, c, list]) => {
    const texts = [a, b, c];
    const entries = Object.entries(event).map(([key, value]) => {
      if (key === 'type' || key === 'now') return [key, value];
      if (typeof value === 'string') return [key, texts.pop() ?? ''];
      if (Array.isArray(value)) return [key, list];
      if (key === 'exit') return [key, { kind: 'noexec', errno: 'ENOENT', message: a }];
      return [key, value];
    });
    return Object.fromEntries(entries) as { type: string };
  });
const crash = text.map((error) => ({ type: 'xstate.error.actor.launch', error }));

test('F5: an event is within 4,096 bytes on the bus, whatever people and systems wrote into it', () => {
  fc.assert(
    fc.property(fc.oneof(events, crash), (event) => {
      const message = {
        v: 1 as const,
        run_id: 'k3f9a2mx',
        seq: Number.MAX_SAFE_INTEGER,
        pos: Number.MAX_SAFE_INTEGER,
        at: '2026-01-01T00:00:00.000Z',
        attempt: 1000,
        event: event.type,
        from: 'running.paused.confirmed',
        to: 'stopping.terminating',
        detail: detailOf(event),
        machine_version: '1000',
        epoch: '00000000-0000-0000-0000-000000000000',
      };
      assert.ok(Buffer.byteLength(encode('event', message as never)) <= controlBytesMax);
    }),
    { numRuns: 200, endOnFailure: true },
  );
});

test('F5: a fact is made to fit with its shape kept, and one that fits is left alone', () => {
  const data = fc.dictionary(fc.string({ maxLength: 20 }), fc.oneof(text, fc.integer()), {
    maxKeys: 8,
  });
  fc.assert(
    fc.property(data, (value) => {
      const small = fitted(value);
      assert.ok(Buffer.byteLength(JSON.stringify(small)) <= detailMaxBytes);
      assert.deepEqual(Object.keys(small), Object.keys(value));
      for (const [key, member] of Object.entries(value)) {
        assert.equal(typeof small[key], typeof member);
      }
      const fits = Buffer.byteLength(JSON.stringify(value)) <= detailMaxBytes;
      if (fits) assert.equal(small, value);
    }),
    { numRuns: 100, endOnFailure: true },
  );
});

test('F5: a request of any control call is decoded only when it is within 4,096 bytes', () => {
  const service = orchestratorService(loadProto());
  const control = Object.entries(limited(service)).filter(([name]) => name !== 'PutInput');
  const request = fc.record({ run: fc.record({ ref: text }), reason: text, user: text, key: text });
  fc.assert(
    fc.property(fc.constantFrom(...control), request, ([name, method], message) => {
      const bytes = service[name]?.requestSerialize(message) ?? assert.fail();
      const read = method.requestDeserialize(bytes) as { too_large?: number };
      assert.equal(read.too_large, bytes.length > controlMaxBytes ? bytes.length : undefined);
    }),
    { numRuns: 200, endOnFailure: true },
  );
});
