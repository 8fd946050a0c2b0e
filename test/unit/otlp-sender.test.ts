import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { otlpOptions } from '../../src/telemetry/index.ts';
import { createSender, readTraceAnswer } from '../../src/telemetry/otlp/index.ts';

test('by gRPC a request comes with its headers, and what the collector says of it is understood', async () => {
  const seen: { body: string; tenant: unknown }[] = [];
  let answer: Buffer | number = Buffer.alloc(0);
  const server = new Server();
  const bytes = (data: Buffer): Buffer => data;
  const method = {
    path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  server.addService(
    { Export: method },
    {
      Export: (
        call: { request: Buffer; metadata: { get(name: string): unknown[] } },
        done: (error: Partial<ServiceError> | null, answer?: Buffer) => void,
      ) => {
        seen.push({ body: call.request.toString(), tenant: call.metadata.get('x-tenant')[0] });
        if (typeof answer === 'number') done({ code: answer, details: 'no' });
        else done(null, answer);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    ),
  );
  const { targets } = otlpOptions(
    { otlp_endpoint: `http://127.0.0.1:${port}`, otlp_protocol: 'grpc', otlp_headers_file: '' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=lab' },
  );
  assert(targets.traces !== null);
  const sender = await createSender('traces', targets.traces, readTraceAnswer);
  const send = async () => (await sender.send(Buffer.from('spans'))).kind;
  assert.equal(await send(), 'accepted');
  assert.deepEqual(seen, [{ body: 'spans', tenant: 'lab' }]);
  answer = status.INVALID_ARGUMENT;
  assert.equal(await send(), 'refused');
  for (answer of [status.UNAVAILABLE, status.UNAUTHENTICATED, status.RESOURCE_EXHAUSTED])
    assert.equal(await send(), 'failed');
  answer = Buffer.from([0xff, 0xff, 0xff]);
  assert.equal(await send(), 'failed');
  // ExportTracePartialSuccess: two spans rejected.
  answer = Buffer.from([0x0a, 0x02, 0x08, 0x02]);
  assert.deepEqual(await sender.send(Buffer.from('spans')), {
    kind: 'accepted',
    rejected: 2,
    why: '',
  });
  sender.close();
  server.forceShutdown();
});
