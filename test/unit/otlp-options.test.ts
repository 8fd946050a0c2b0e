import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { otlpOptions, readTraceparent } from '../../src/telemetry/index.ts';

const none = {
  otlp_endpoint: '',
  otlp_protocol: 'http/protobuf',
  otlp_headers_file: '',
} as const;

test('without an endpoint nothing goes anywhere', () => {
  const { targets, troubles } = otlpOptions(none, { OTEL_EXPORTER_OTLP_HEADERS: 'a=b' });
  assert.deepEqual([targets, troubles], [{ traces: null, metrics: null }, []]);
});

test('a common address has a path for each signal, one of a signal is used as it is', () => {
  const { targets } = otlpOptions(
    { ...none, otlp_endpoint: 'http://127.0.0.1:4318/base/' },
    { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:9090/otlp' },
  );
  assert.equal(targets.traces?.url, 'http://127.0.0.1:4318/base/v1/traces');
  assert.equal(targets.metrics?.url, 'http://127.0.0.1:9090/otlp');
});

test('variables go before settings, those of a signal before common ones', () => {
  const { targets, attributes } = otlpOptions(
    { ...none, otlp_endpoint: 'http://127.0.0.1:1' },
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4317',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_TIMEOUT: '250',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20x, y=1',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'y=2',
      OTEL_SERVICE_NAME: 'lab',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
  );
  const { traces } = targets;
  assert.deepEqual(
    [traces?.url, traces?.protocol, traces?.timeoutMs, traces?.headers],
    ['https://collector:4317/', 'grpc', 250, { authorization: 'Bearer x', y: '2' }],
  );
  assert.equal(targets.metrics?.protocol, 'http/protobuf');
  assert.deepEqual(attributes, {
    'deployment.environment.name': 'test',
    'service.name': 'lab',
  });
});

test('what cannot be used is told, and keeps no daemon from its start', () => {
  const settings = { ...none, otlp_endpoint: 'http://127.0.0.1:1' };
  const json = otlpOptions(settings, { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' });
  assert.equal(json.targets.traces, null);
  assert.match(json.troubles[0] ?? '', /http\/json/);
  const bad = otlpOptions(none, { OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318' });
  assert.equal(bad.targets.traces, null);
  assert.match(bad.troubles[0] ?? '', /localhost:4318/);
  for (const off of [{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }])
    assert.equal(otlpOptions(settings, off).targets.traces, null);
});

test('headers come from a file, a line each', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-otlp-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'headers');
  fs.writeFileSync(file, '# of the lab\nauthorization=Bearer abc=\nx-tenant=1\n');
  const settings = { ...none, otlp_endpoint: 'http://h:1', otlp_headers_file: file };
  const headers = { authorization: 'Bearer abc=', 'x-tenant': '1' };
  assert.deepEqual(otlpOptions(settings, {}).targets.traces?.headers, headers);
  fs.rmSync(file);
  assert.match(otlpOptions(settings, {}).troubles.join(), /ENOENT/);
});

test('a traceparent that W3C calls invalid is none', () => {
  const [trace, span] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  assert.deepEqual(readTraceparent(`00-${trace}-${span}-00`), { traceId: trace, spanId: span });
  // A later version may say more.
  assert.notEqual(readTraceparent(`01-${trace}-${span}-01-what`), null);
  for (const wrong of [
    '',
    `ff-${trace}-${span}-01`,
    `00-${trace}-${span}-01-what`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
  ])
    assert.equal(readTraceparent(wrong), null, wrong);
});
