import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { connect } from '@nats-io/transport-node';
import { pino } from 'pino';
import {
  loadProto,
  type OrchestratorPort,
  orchestratorService,
} from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';
import { busGate, gatedNames, isRecorded, needOf, type Role, refusalOf } from '../../src/gate.ts';
import { startGrpcServer } from '../../src/transport/grpc/index.ts';
import { buildApp } from '../../src/transport/http/app.ts';
import type { Door } from '../../src/transport/http/index.ts';
import { type Route, route } from '../../src/transport/http/route.ts';
import { ensureStreams } from '../../src/transport/nats/index.ts';
import { createFakeAudit } from '../fixtures/audit.ts';
import { createFakeOrchestrator, runId } from '../fixtures/orchestrator.ts';
import { names, startBus, streams, yard } from './bus-fixture.ts';
import { until } from './yard.ts';

const log = pino({ level: 'silent' });
const right = 'Bearer operator';
const weaker = 'Bearer viewer';
const roleOf = (authorization: string): Role | null =>
  authorization === right ? 'operator' : authorization === weaker ? 'viewer' : null;

/** Without, wrong, and right but of another kind. */
const strangers = [undefined, '', 'Bearer wrong', 'operator', 'Basic operator', 'Bearer operator2'];

async function serveGrpc(
  t: TestContext,
  audit = createFakeAudit(),
  port: OrchestratorPort = createFakeOrchestrator(),
): Promise<Client> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'runyard-gate-'));
  const server = await startGrpcServer({
    port,
    socketPath: path.join(dir, 'daemon.sock'),
    listen: '127.0.0.1:0',
    tls: null,
    roleOf,
    audit,
    log,
  });
  const client = new Client(server.tcp, credentials.createInsecure());
  t.after(async () => {
    client.close();
    await server.close();
    fs.rmSync(dir, { recursive: true });
  });
  return client;
}

/** The status that a call with these bytes ends with; OK when it is answered before it ends. */
function call(client: Client, method: string, authorization?: string): Promise<number> {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set('authorization', authorization);
  const raw = (bytes: Buffer): Buffer => bytes;
  const stream = client.makeBidiStreamRequest(method, raw, raw, metadata);
  return new Promise((resolve) => {
    const done = (code: number): void => {
      resolve(code);
      stream.cancel();
    };
    stream.on('data', () => done(status.OK));
    stream.on('end', () => done(status.OK));
    stream.on('error', (error: ServiceError) => resolve(error.code));
    stream.write(Buffer.alloc(0));
    stream.end();
  });
}

/** What reflection says is there, asked as any client would. */
async function reflected(client: Client): Promise<string[]> {
  const definition = loadProto();
  const service = orchestratorService(definition);
  const ours = Object.values(service).map(({ path: at }) => at);
  const { default: descriptor } = await import('protobufjs/ext/descriptor/index.js');
  const { default: protobuf } = await import('protobufjs');
  const ask = async (request: Buffer): Promise<Buffer[]> => {
    const metadata = new Metadata();
    metadata.set('authorization', weaker);
    const raw = (bytes: Buffer): Buffer => bytes;
    const at = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const stream = client.makeBidiStreamRequest(at, raw, raw, metadata);
    const answers: Buffer[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (answer: Buffer) => answers.push(answer));
      stream.on('end', resolve);
      stream.on('error', reject);
    });
    stream.write(request);
    stream.end();
    await ended;
    return answers;
  };
  const text = (field: number, value: string): Buffer =>
    Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)]);
  // list_services is field 7 of the request.
  const listing = (await ask(text(7, '*'))).join('');
  const services = [...listing.toString().matchAll(/[a-z]+(?:\.[\w]+)*\.[A-Z]\w+/g)].map(
    ([name]) => name,
  );
  const methods = new Set(ours);
  for (const name of services) {
    // file_containing_symbol is field 4; the answer's field 4 holds the files.
    for (const answer of await ask(text(4, name))) {
      const reader = protobuf.Reader.create(answer);
      while (reader.pos < reader.len) {
        const tag = reader.uint32();
        if (tag >>> 3 !== 4) {
          reader.skipType(tag & 7);
          continue;
        }
        const files = protobuf.Reader.create(reader.bytes());
        while (files.pos < files.len) {
          files.uint32();
          const file = descriptor.FileDescriptorProto.decode(files.bytes()) as unknown as {
            package: string;
            service: { name: string; method: { name: string }[] }[];
          };
          for (const { name: own, method } of file.service)
            for (const each of method) methods.add(`/${file.package}.${own}/${each.name}`);
        }
      }
    }
  }
  return [...methods];
}

test('every gRPC method that reflection knows is in the gate, and refuses who may not', async (t) => {
  const client = await serveGrpc(t);
  const methods = await reflected(client);
  assert(methods.length > 30, `${methods.length} methods were found`);
  for (const method of methods) {
    const need = needOf('grpc', method);
    assert(need !== null, `${method} is not in src/gate.ts`);
    for (const stranger of strangers) {
      const code = await call(client, method, stranger);
      if (need === 'anyone') assert.notEqual(code, status.UNAUTHENTICATED, method);
      else assert.equal(code, status.UNAUTHENTICATED, `${method} with ${stranger}`);
    }
    const asViewer = await call(client, method, weaker);
    if (need === 'operator') assert.equal(asViewer, status.PERMISSION_DENIED, method);
    else assert.notEqual(asViewer, status.PERMISSION_DENIED, method);
  }
});

test('a gRPC method that is not in the gate is open to nobody', () => {
  // gRPC itself knows no method that is not served, so that the gate is asked directly.
  for (const method of ['NewOne', 'constructor', '__proto__', 'submitRun']) {
    const name = `/runyard.v1.Orchestrator/${method}`;
    assert.equal(refusalOf('grpc', name, 'operator')?.code, 'forbidden');
    assert.equal(refusalOf('grpc', name, null)?.code, 'unauthenticated');
  }
});

const door: Door = {
  port: createFakeOrchestrator(),
  sessions: {
    cookieName: 'runyard_test',
    exchange: () => null,
    find: (secret) => (secret === 'viewer' ? { role: 'viewer', expires_at: '' } : null),
    isCsrf: (_, csrf) => csrf === 'csrf',
    end: () => undefined,
  },
  roleOf,
  user: 'me',
  figures: async () => ({ contentType: 'text/plain', text: '' }),
  pageDir: path.join(os.tmpdir(), 'runyard-no-page'),
  schemasDir: path.resolve(import.meta.dirname, '../../schemas'),
  audit: createFakeAudit(),
  secure: false,
  isCalled: () => false,
  log,
};

/** Every route that fastify has, by its own list. */
async function served(extra: readonly Route[] = [], audit = createFakeAudit()) {
  const found: string[] = [];
  const app = await buildApp({ ...door, audit }, extra, (method, url) =>
    found.push(`${method} ${url}`),
  );
  return { app, found };
}

type Method = 'GET' | 'POST' | 'DELETE';

test('every HTTP route that fastify has is in the gate, and refuses who may not', async () => {
  const { app, found } = await served();
  assert(found.length > 25, `${found.length} routes were found`);
  for (const name of found) {
    const need = needOf('http', name);
    assert(need !== null, `${name} is not in src/gate.ts`);
    const [method = '', pattern = ''] = name.split(' ');
    const url = pattern.replaceAll(/:\w+|\*/g, '1');
    const statusFor = async (headers: Record<string, string>): Promise<number> => {
      const answer = await app
        .inject({
          method: method as Method,
          url,
          headers: { host: 'localhost:1', ...headers },
          ...(name === 'GET /api/stream' ? { signal: AbortSignal.timeout(2000) } : {}),
        })
        .catch(() => ({ statusCode: 200 }));
      return answer.statusCode;
    };
    if (need === 'anyone') continue;
    for (const stranger of strangers) {
      const headers = stranger === undefined ? {} : { authorization: stranger };
      assert.equal(
        await statusFor(headers as Record<string, string>),
        401,
        `${name} with ${stranger}`,
      );
    }
    assert.equal(await statusFor({ cookie: 'runyard_test=wrong' }), 401, name);
    assert.equal(await statusFor({ cookie: 'runyard_other=viewer' }), 401, name);
    if (need === 'operator') {
      assert.equal(await statusFor({ authorization: weaker }), 403, name);
      const cookie = { cookie: 'runyard_test=viewer', 'x-runyard-csrf': 'csrf' };
      assert.equal(await statusFor(cookie), 403, name);
    }
    if (method !== 'GET') {
      // A session alone, as another site would have the browser send it.
      assert.equal(await statusFor({ cookie: 'runyard_test=viewer' }), 403, name);
    }
  }
  const idle = gatedNames('http').filter((name) => !found.includes(name));
  assert.deepEqual(idle, [], 'in the gate, and not served');
  await app.close();
});

test('an HTTP route that is not in the gate is open to nobody', async () => {
  const forgotten = route({
    method: 'GET',
    url: '/api/forgotten',
    summary: 'Nobody thought of it.',
    answer: {},
    handle: () => ({ secret: true }),
  });
  const { app, found } = await served([forgotten]);
  assert(found.includes('GET /api/forgotten'));
  assert.equal(needOf('http', 'GET /api/forgotten'), null);
  for (const authorization of [right, weaker, 'Bearer wrong']) {
    const headers = { host: 'localhost', authorization };
    const answer = await app.inject({ url: '/api/forgotten', headers });
    assert.equal(answer.statusCode, authorization === 'Bearer wrong' ? 401 : 403);
    assert.doesNotMatch(answer.body, /secret/);
  }
  await app.close();
});

/** An operator's, of which the audit log has no line but for refusals: each with its reason. */
const unrecorded: Readonly<Record<string, string>> = {
  '/runyard.v1.Orchestrator/ListReaders': 'looks',
  'GET /api/bus/readers': 'looks',
  '/runyard.v1.Orchestrator/PutInput': 'what uses the input is recorded',
  'POST /api/inputs': 'what uses the input is recorded',
};

test('every gRPC method that changes something leaves a line with its outcome, and every refusal one', async (t) => {
  const audit = createFakeAudit();
  const client = await serveGrpc(t, audit);
  for (const method of gatedNames('grpc')) {
    const what = method.slice(method.lastIndexOf('/') + 1);
    const isChange = needOf('grpc', method) === 'operator' && unrecorded[method] === undefined;
    assert.equal(isRecorded('grpc', method), isChange, method);
    await call(client, method, right);
    const told = audit.told.splice(0);
    assert.equal(told.length, isChange ? 1 : 0, `${method} as an operator`);
    const [line] = told;
    if (line !== undefined) {
      assert.deepEqual(
        [line.kind, line.what, line.via, line.by, line.role],
        ['done', what, 'grpc', 'header', 'operator'],
      );
      assert.match(line.from, /^127\.0\.0\.1:\d+$/);
    }
    if (needOf('grpc', method) === 'anyone') continue;
    await call(client, method, 'Bearer wrong');
    const [refused, ...more] = audit.told.splice(0);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [refused?.kind, refused?.what, refused?.role, refused?.outcome],
      ['refused', what, null, 'unauthenticated'],
    );
  }
});

test('a call whose caller has gone is told with what came of it, and a stream as it was left', async (t) => {
  const audit = createFakeAudit();
  const [pinning, submitting, over] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const client = await serveGrpc(t, audit, {
    ...createFakeOrchestrator(),
    async pin() {
      pinning.resolve();
      await over.promise;
      throw new RunyardError('run_pinned', 'it is');
    },
    async *submitMany() {
      submitting.resolve();
      await over.promise;
      yield { run_id: runId, created: true };
    },
  });
  const metadata = new Metadata();
  metadata.set('authorization', right);
  const raw = (bytes: Buffer): Buffer => bytes;
  const path = (method: string): string => `/runyard.v1.Orchestrator/${method}`;
  // A RunRef of `x`, and configurations without fields.
  const request = Buffer.from([0x0a, 0x03, 0x0a, 0x01, 0x78]);
  const pin = client.makeUnaryRequest(path('PinRun'), raw, raw, request, metadata, () => undefined);
  await pinning.promise;
  pin.cancel();
  const many = client.makeBidiStreamRequest(path('SubmitRuns'), raw, raw, metadata);
  many.on('error', () => undefined);
  for (let n = 0; n < 3; n += 1) many.write(Buffer.from([0x0a, 0x00]));
  many.end();
  await submitting.promise;
  many.cancel();
  await until(() => audit.told.length === 1, 'the stream to be told');
  over.resolve();
  await until(() => audit.told.length === 2, 'the call to be told');
  assert.deepEqual(
    audit.told.map(({ what, outcome, count }) => [what, outcome, count]),
    [
      ['SubmitRuns', 'cancelled', 3],
      ['PinRun', 'run_pinned', 1],
    ],
  );
});

test('every HTTP route that changes something leaves a line with its outcome, and every refusal one', async () => {
  const audit = createFakeAudit();
  const { app, found } = await served([], audit);
  for (const name of found) {
    const own = name === 'POST /api/session' || name === 'DELETE /api/session';
    const isChange = own || (needOf('http', name) === 'operator' && unrecorded[name] === undefined);
    assert.equal(isRecorded('http', name), isChange, name);
    if (name === 'GET /api/stream') continue;
    const [method = '', pattern = ''] = name.split(' ');
    const url = pattern.replaceAll(/:\w+|\*/g, '1');
    const send = (authorization: string) =>
      app.inject({
        method: method as Method,
        url,
        headers: { host: 'localhost:1', authorization },
      });
    const { statusCode } = await send(right);
    const told = audit.told.splice(0);
    assert.equal(told.length, isChange ? 1 : 0, `${name} as an operator`);
    const [line] = told;
    if (line !== undefined) {
      assert.deepEqual(
        [line.kind, line.via, line.by, line.role],
        ['done', 'http', 'header', 'operator'],
      );
      // Called as over gRPC.
      assert.match(line.what, /^[A-Z][A-Za-z]+$/, name);
      assert.equal(line.outcome === 'ok', statusCode < 300, name);
    }
    if (needOf('http', name) === 'anyone') continue;
    await send('Bearer wrong');
    const [refused, ...more] = audit.told.splice(0);
    assert.deepEqual(more, []);
    assert.deepEqual([refused?.kind, refused?.outcome], ['refused', 'unauthenticated'], name);
  }
  await app.close();
});

test('every subject class of the bus is in the gate, and refuses who may not', async () => {
  await using bus = await startBus();
  const daemon = await bus.daemon();
  await ensureStreams(daemon, yard, 2 ** 26, () => 'e1');
  const { url } = await bus.server.ensure();
  assert.deepEqual(Object.keys(names).sort(), Object.keys(busGate).sort());
  await assert.rejects(connect({ servers: url, reconnect: false }), /[Aa]uthorization/);
  const wrong = { servers: url, user: 'daemon', pass: 'wrong', reconnect: false };
  await assert.rejects(connect(wrong), /[Aa]uthorization/);
  const as = async (who: 'worker' | 'reader') => {
    const { user, password } = bus.server.credentials[who];
    return connect({ servers: url, user, pass: password, reconnect: false });
  };
  const [worker, reader] = [await as('worker'), await as('reader')];
  for (const [kind, { read, write }] of Object.entries(busGate)) {
    const subject = names[kind as keyof typeof names]('a');
    // A reader is the weaker one: it writes nothing at all.
    await assert.rejects(reader.request(subject, '{}', { timeout: 2000 }), /Permissions/, kind);
    if (write === 'daemon')
      await assert.rejects(worker.request(subject, '{}', { timeout: 2000 }), /Permissions/, kind);
    if (kind === 'beat' || kind === 'talk') continue;
    const stream = streams[kind as keyof typeof streams];
    const info = `$JS.API.STREAM.INFO.${stream}`;
    if (read === 'viewer') await reader.request(info, '', { timeout: 5000 });
    else await assert.rejects(reader.request(info, '', { timeout: 2000 }), /Permissions/, kind);
    await assert.rejects(worker.request(info, '', { timeout: 2000 }), /Permissions/, kind);
  }
  await Promise.all([worker.close(), reader.close(), daemon.close()]);
});
