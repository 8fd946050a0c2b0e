/** The control API as a stranger sees it: by reflection alone, with a client that is no code of ours. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { findGrpcurl } from '../fixtures/grpcurl.ts';
import { startYard, type Yard } from './yard.ts';

/** The first time, grpcurl is built. */
const limitMs = 600_000;
const orchestrator = 'runyard.v1.Orchestrator';

let grpcurl: { path: string } | { missing: string } = { missing: 'not looked for' };
let yard: Yard;

before(
  async () => {
    grpcurl = await findGrpcurl((text) => process.stderr.write(`${text}\n`));
    yard = await startYard();
  },
  { timeout: limitMs },
);
after(() => yard[Symbol.asyncDispose]());

type Answer = { exitCode: number | undefined; stdout: string; stderr: string };

/** Null, and the test counted as skipped, where there is no grpcurl. */
async function ask(t: TestContext, args: string[], data?: object): Promise<Answer | null> {
  if ('missing' in grpcurl) {
    t.skip(grpcurl.missing);
    return null;
  }
  const { socket } = await yard.client.health();
  const body = data === undefined ? [] : ['-d', JSON.stringify(data)];
  const all = ['-plaintext', '-unix', ...body, socket, ...args];
  const { exitCode, stdout, stderr } = await execa(grpcurl.path, all, { reject: false });
  return { exitCode, stdout, stderr };
}

/** Every JSON object that grpcurl printed. */
function objects(stdout: string): Record<string, unknown>[] {
  return stdout
    .split(/^(?=\{$)/m)
    .filter((text) => text.trim() !== '')
    .map((text) => JSON.parse(text) as Record<string, unknown>);
}

test('reflection lists the service and its methods, and the health service beside it', async (t) => {
  const services = await ask(t, ['list']);
  if (services === null) return;
  assert.deepEqual(services.stdout.split('\n'), ['grpc.health.v1.Health', orchestrator]);
  const methods = await ask(t, ['list', orchestrator]);
  const proto = fs.readFileSync(
    path.resolve(import.meta.dirname, '../../schemas/runyard/v1/orchestrator.proto'),
    'utf8',
  );
  const declared = [...proto.matchAll(/^ {2}rpc (\w+)/gm)].map(([, name]) => name).sort();
  assert.deepEqual(
    methods?.stdout.split('\n').map((name) => name.replace(`${orchestrator}.`, '')),
    declared,
  );
  for (const name of ['SubmitRunRequest', 'RunSummary', 'ErrorDetail']) {
    const described = await ask(t, ['describe', `runyard.v1.${name}`]);
    assert.match(described?.stdout ?? '', new RegExp(`message ${name} \\{`));
  }
});

test('the health service says that it serves, as a whole and by name', async (t) => {
  for (const service of ['', orchestrator]) {
    const answer = await ask(t, ['grpc.health.v1.Health/Check'], { service });
    if (answer === null) return;
    assert.deepEqual(JSON.parse(answer.stdout), { status: 'SERVING' });
  }
  const listed = await ask(t, ['grpc.health.v1.Health/List']);
  assert.deepEqual(JSON.parse(listed?.stdout ?? '{}').statuses[orchestrator], {
    status: 'SERVING',
  });
});

test('a run is submitted, its events and its output are streamed to their end', async (t) => {
  const command = ['sh', '-c', 'echo hello; exit 3'];
  const submit = {
    config: { command, cwd: yard.home, env: { PATH: process.env.PATH } },
    key: 'by-grpcurl',
    user: 'ana',
  };
  const first = await ask(t, [`${orchestrator}/SubmitRun`], submit);
  if (first === null) return;
  const { run_id: run, created } = JSON.parse(first.stdout);
  assert.equal(created, true);
  const again = await ask(t, [`${orchestrator}/SubmitRun`], submit);
  assert.deepEqual(JSON.parse(again?.stdout ?? ''), { run_id: run });

  const wanted = { run: { ref: run }, credit: 1000, until_done: true };
  const streamed = await ask(t, [`${orchestrator}/StreamStatus`], wanted);
  const events = objects(streamed?.stdout ?? '');
  assert.deepEqual(
    events.map(({ seq }) => Number(seq)),
    events.map((_, index) => index + 1),
  );
  assert.equal(events.at(-1)?.to, 'done.failed');

  const logs = await ask(t, [`${orchestrator}/StreamLogs`], { run: { ref: run } });
  const [chunk] = objects(logs?.stdout ?? '') as { lines: { text: string }[] }[];
  assert.deepEqual(
    chunk?.lines.map(({ text }) => text),
    ['hello'],
  );
  const got = await ask(t, [`${orchestrator}/GetRun`], { run: { ref: '@last' } });
  const summary = JSON.parse(got?.stdout ?? '');
  assert.deepEqual([summary.status, summary.exit_code, summary.user], ['failed', 3, 'ana']);
});

test('a refusal is shown with its typed detail: code, field, rule and hint', async (t) => {
  const config = { command: ['true'], cwd: yard.home, gpuz: 1 };
  const answer = await ask(t, [`${orchestrator}/SubmitRun`], { config });
  if (answer === null) return;
  assert.notEqual(answer.exitCode, 0);
  assert.match(answer.stderr, /Code: InvalidArgument/);
  for (const part of [
    /"@type": "type\.googleapis\.com\/runyard\.v1\.ErrorDetail"/,
    /"code": "config_invalid"/,
    /"field": "\/gpuz"/,
    /"rule": "is not a known field"/,
    /"hint": "did you mean \\"gpus\\"\?"/,
  ]) {
    assert.match(answer.stderr, part);
  }
});

test('over TCP the token is asked for, and with it everything is the same', async (t) => {
  if ('missing' in grpcurl) return t.skip(grpcurl.missing);
  const { path: program } = grpcurl;
  const { tcp } = await yard.client.health();
  const call = (args: string[]) =>
    execa(program, ['-plaintext', ...args, tcp, `${orchestrator}/GetHealth`], {
      reject: false,
    });
  const token = fs.readFileSync(path.join(yard.home, 'token'), 'utf8').trim();
  const authorization = ['-H', `authorization: Bearer ${token}`];
  assert.match((await call([])).stderr, /authorization: Bearer <token>/);
  assert.equal(JSON.parse((await call(authorization)).stdout).yard, 'test');
});
