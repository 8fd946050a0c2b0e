import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { pino } from 'pino';
import { connect } from '../../src/client/index.ts';
import { fromStatus, loadProto, orchestratorService } from '../../src/contracts/index.ts';
import { startGrpcServer } from '../../src/transport/grpc/index.ts';
import { createFakeAudit } from '../fixtures/audit.ts';
import { createFakeOrchestrator, type FakeOrchestrator, runId } from '../fixtures/orchestrator.ts';

const definition = loadProto();
const service = orchestratorService(definition);
const log = pino({ level: 'silent' });
const roleOf = (authorization: string) => (authorization === 'Bearer secret' ? 'operator' : null);

const audit = createFakeAudit();

async function serve(t: TestContext, port: FakeOrchestrator = createFakeOrchestrator()) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-grpc-'));
  const socketPath = path.join(dir, 'daemon.sock');
  const options = { port, socketPath, listen: '127.0.0.1:0', tls: null, roleOf, audit, log };
  let server = await startGrpcServer(options);
  const client = await connect({ socket: socketPath });
  t.after(async () => {
    client.close();
    await server.close();
    fs.rmSync(dir, { recursive: true });
  });
  const restart = async (during: () => Promise<void>): Promise<void> => {
    await server.close();
    await during();
    server = await startGrpcServer(options);
  };
  return { port, client, socketPath, tcp: server.tcp, restart };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    assert(Date.now() < deadline, 'the condition did not come true');
    await delay(5);
  }
}

/** Calls a method with any bytes, and resolves with the error it ends with, or null. */
function call(t: TestContext, address: string, name: string, bytes: Buffer, token?: string) {
  const client = new Client(address, credentials.createInsecure());
  t.after(() => client.close());
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', token);
  const method = service[name]?.path ?? name;
  const stream = client.makeBidiStreamRequest(
    method,
    (raw: Buffer) => raw,
    (raw) => raw,
    metadata,
  );
  const ended = new Promise<ServiceError | null>((resolve) => {
    stream.on('error', (error) => resolve(error as ServiceError));
    stream.on('end', () => resolve(null));
    stream.resume();
  });
  stream.write(bytes);
  stream.end();
  return ended;
}

test('the socket is private to its user', async (t) => {
  const { socketPath } = await serve(t);
  assert.equal(fs.statSync(socketPath).mode & 0o777, 0o600);
});

test('over TCP every method of every service but health refuses a call without the token', async (t) => {
  const { tcp } = await serve(t);
  const reflection = ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'];
  for (const name of [...Object.keys(service), ...reflection]) {
    for (const token of [undefined, 'Bearer wrong', 'secret', 'Bearer secret2']) {
      const error = await call(t, tcp, name, Buffer.alloc(0), token);
      assert.equal(error?.code, status.UNAUTHENTICATED, `${name} with ${token}`);
    }
  }
  assert.equal(await call(t, tcp, '/grpc.health.v1.Health/Check', Buffer.alloc(0)), null);
  assert.equal(await call(t, tcp, 'GetRun', get(runId), 'Bearer secret'), null);
});

function get(ref: string): Buffer {
  const method = service.GetRun;
  assert(method !== undefined);
  return method.requestSerialize({ run: { ref } });
}

test('every control request of more than 4,096 bytes is refused as message_too_large', async (t) => {
  const { socketPath } = await serve(t);
  for (const name of Object.keys(service).filter((each) => each !== 'PutInput')) {
    const error = await call(t, `unix:${socketPath}`, name, get('x'.repeat(4097)));
    assert(error !== null);
    assert.equal(fromStatus(definition, error).code, 'message_too_large', name);
  }
});

test('a large configuration and a large environment arrive though a request has 4,096 bytes', async (t) => {
  const { client, port } = await serve(t);
  const config = { command: ['x', 'y'.repeat(20_000)] };
  await client.submit(config, { env: { A: 'b'.repeat(300_000) } });
  const [request] = port.submitted as { config: unknown; env_ref: { size: number } }[];
  assert.deepEqual(request?.config, config);
  assert.equal(request?.env_ref.size, 300_003);
});

test('an input of more than 16 MiB is refused', async (t) => {
  const { client } = await serve(t);
  await assert.rejects(client.putInput(Buffer.alloc(2 ** 24 + 1)), { code: 'input_too_large' });
});

test('a failure inside is told as internal, and nothing of it leaves', async (t) => {
  const { client } = await serve(t);
  await assert.rejects(client.health(), (error: Error & { code: string }) => {
    assert.equal(error.code, 'internal');
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
});

test('a run that is not there is told by its code', async (t) => {
  const { client } = await serve(t);
  await assert.rejects(client.get('nothing'), { code: 'run_not_found' });
});

test('never more events are sent than credit was granted', async (t) => {
  const { port, socketPath } = await serve(t);
  port.append(600);
  const method = service.StreamStatus;
  assert(method !== undefined);
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure());
  t.after(() => client.close());
  const property = fc.asyncProperty(
    fc.array(fc.nat({ max: 90 }), { maxLength: 5 }),
    async (grants) => {
      const { path: at, requestSerialize, responseDeserialize } = method;
      const stream = client.makeBidiStreamRequest(at, requestSerialize, responseDeserialize);
      const seqs: number[] = [];
      stream.on('data', (event: { seq: number }) => seqs.push(event.seq));
      const ended = new Promise((resolve) => stream.on('end', resolve));
      grants.forEach((credit, index) => {
        stream.write({ credit, ...(index === 0 ? { run: { ref: runId }, from_seq: 7 } : {}) });
      });
      stream.end();
      await ended;
      const granted = grants.reduce((sum, credit) => sum + credit, 0);
      assert.deepEqual(
        seqs,
        Array.from({ length: granted }, (_, index) => index + 7),
      );
    },
  );
  await fc.assert(property, { numRuns: 25 });
  await until(() => port.watchers() === 0);
});

test('a subscriber gets each event once and in order though the daemon is replaced twice', async (t) => {
  const { client, port, restart } = await serve(t);
  port.append(700);
  const seqs: number[] = [];
  let losses = 0;
  const onDisconnect = () => {
    losses += 1;
  };
  const reading = (async () => {
    for await (const { seq } of client.events('@last', { untilDone: true, onDisconnect }))
      seqs.push(seq);
  })();
  for (const expected of [700, 1400]) {
    await until(() => seqs.length === expected);
    await restart(async () => port.append(700));
  }
  await until(() => seqs.length === 2100);
  port.finish();
  await reading;
  assert.deepEqual(
    seqs,
    Array.from({ length: 2101 }, (_, index) => index + 1),
  );
  assert(losses >= 2);
});

test('events that end with a run that is already done end at once', async (t) => {
  const { client, port } = await serve(t);
  port.append(3);
  port.finish();
  assert.equal((await client.wait('@last')).status, 'completed');
  const rest = client.events('@last', { fromSeq: 5, untilDone: true });
  assert.deepEqual(await Array.fromAsync(rest), []);
});

test('a subscriber that leaves costs nothing any more', async (t) => {
  const { client, port } = await serve(t);
  port.append(5);
  for await (const _ of client.events('@last')) break;
  await until(() => port.watchers() === 0);
});

test('an aborted subscription ends quietly', async (t) => {
  const { client, port } = await serve(t);
  port.append(1);
  const controller = new AbortController();
  for await (const _ of client.events('@last', { signal: controller.signal })) controller.abort();
  await until(() => port.watchers() === 0);
});

test('logs come whole and in order however slowly they are read', async (t) => {
  const { client } = await serve(t);
  let next = 1;
  for await (const { lines } of client.logs(runId)) {
    for (const { seq } of lines) {
      assert.equal(seq, next);
      next += 1;
    }
    if (next % 1000 === 0) await delay(1);
  }
  assert.equal(next, 5001);
});

test('a client of a home without a daemon is told how to start one', async () => {
  const home = path.join(os.tmpdir(), 'runyard-nobody-here');
  await assert.rejects(connect({ home }), { code: 'daemon_not_running', message: /runyard up/ });
});
