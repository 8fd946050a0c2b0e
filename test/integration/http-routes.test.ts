import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { HttpAnswers } from '../../src/contracts/gen/http.v1.ts';
import { routes } from '../../src/transport/http/routes/index.ts';
import { type Answer, ask, consoleOf, json, tokenOf } from './http-fixture.ts';
import { startYard, until, type Yard } from './yard.ts';

const page = JSON.parse(
  fs.readFileSync(path.join(import.meta.dirname, '../../schemas/openapi.json'), 'utf8'),
);
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addSchema(page, 'page');

/** Asks with the token, checks the answer by the page of the API, and notes which route it was. */
function visitor(yard: Yard, address: string) {
  const visited = new Set<string>();
  const visit = async (
    route: string,
    place: string,
    asked: Parameters<typeof ask>[2] = {},
  ): Promise<Answer> => {
    const [method = 'GET', pattern = ''] = route.split(' ');
    visited.add(route);
    const headers = { authorization: `Bearer ${tokenOf(yard)}`, ...asked.headers };
    const answer = await ask(address, place, { ...asked, method, headers });
    const at = pattern.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{name}');
    const isJson = answer.headers['content-type']?.startsWith('application/json');
    if (isJson) {
      const documented = page.paths[at][method.toLowerCase()].responses;
      const which = answer.status === 200 ? '200' : 'default';
      const schema = documented[which].content['application/json'].schema;
      const local = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"page#/'));
      const validate = ajv.compile(local);
      assert(validate(JSON.parse(answer.text)), `${route}: ${ajv.errorsText(validate.errors)}`);
    }
    return answer;
  };
  const read = async <R extends keyof HttpAnswers>(
    route: R,
    place: string,
    body?: unknown,
  ): Promise<HttpAnswers[R]> => {
    const answer = await visit(route, place, body === undefined ? {} : json(body));
    assert.equal(answer.status, 200, `${route}: ${answer.text}`);
    return JSON.parse(answer.text);
  };
  return { visited, visit, read };
}

const artifact = Buffer.alloc(200_000, 'video');

test('every route does what gRPC does, and answers as the page of the API says', async () => {
  await using yard = await startYard({ RUNYARD_GPUS: 'fake:2x24GiB', RUNYARD_PARALLEL: '2' });
  const address = await consoleOf(yard);
  const { visited, visit, read } = visitor(yard, address);
  const work = path.join(yard.home, 'work');
  fs.mkdirSync(work);
  const command = [
    'sh',
    '-c',
    'echo hello; echo "loss=0.5 step=1"; echo "loss=nan step=2"; echo oops >&2; cp ../video.mp4 v.mp4; echo "<b>" > page.html; until [ -e go ]; do sleep 0.05; done',
  ];
  fs.writeFileSync(path.join(yard.home, 'video.mp4'), artifact);
  const config = {
    command,
    cwd: work,
    name: 'first',
    project: 'p1',
    tags: ['red'],
    artifacts: ['*.mp4', '*.html'],
  };

  const env = await visit('POST /api/inputs', '/api/inputs', {
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer.from(`PATH=${process.env.PATH}\0`),
  });
  const env_ref = JSON.parse(env.text);
  const planned = await read('POST /api/plan', '/api/plan', { config, env_ref });
  assert.equal(planned.verdict, 'starts');
  const made = await read('POST /api/runs', '/api/runs', { config, env_ref, key: 'k' });
  assert.deepEqual(await read('POST /api/runs', '/api/runs', { config, env_ref, key: 'k' }), {
    run_id: made.run_id,
    created: false,
  });
  const id = made.run_id;
  const run = `/api/runs/${id}`;
  await until(async () => (await yard.client.get(id)).state === 'running.live', 'its start');

  const paused = await read('POST /api/runs/:run/pause', `${run}/pause`, { reason: 'look' });
  assert.match(paused.state, /^running\.paus/);
  await until(
    async () => /paused\.confirmed$/.test((await yard.client.get(id)).state),
    'its pause',
  );
  await read('POST /api/runs/:run/resume', `${run}/resume`, {});
  await until(async () => (await yard.client.get(id)).state === 'running.live', 'its going on');
  fs.writeFileSync(path.join(work, 'go'), '');
  await yard.client.wait(id);

  const later = await read('POST /api/runs', '/api/runs', {
    config: { command: ['sleep', '600'], cwd: work, name: 'Later', hold: true },
    user: 'ada',
  });
  const waits = `/api/runs/${later.run_id}`;
  assert.match((await yard.client.get(later.run_id)).why, /ada/);
  await read('POST /api/runs/:run/release', `${waits}/release`, {});
  await until(async () => (await yard.client.get(later.run_id)).state === 'running.live', 'it');
  const stopped = await read('POST /api/runs/:run/stop', `${waits}/stop`, {
    reason: 'enough',
    now: true,
  });
  assert.equal(stopped.stop_reason, 'enough');
  await yard.client.wait(later.run_id);
  const held = await visit('POST /api/runs/:run/hold', `${waits}/hold`, json({}));
  assert.equal(held.status, 409);
  assert.equal(JSON.parse(held.text).error.code, 'run_not_queued');

  const first = await read('GET /api/runs', '/api/runs?all=true&limit=1');
  assert.deepEqual(
    first.runs.map(({ name }) => name),
    ['Later'],
  );
  const second = await read(
    'GET /api/runs',
    `/api/runs?all=true&limit=1&after=${encodeURIComponent(first.next)}`,
  );
  assert.deepEqual(
    second.runs.map(({ name }) => name),
    ['first'],
  );
  const filters = {
    'search=lat': ['Later'],
    'search=RED': ['first'],
    'project=p1': ['first'],
    'user=ada': ['Later'],
    'status=completed': ['first'],
    'status=completed,cancelled': ['Later', 'first'],
    'group=none': [],
  };
  for (const [filter, names] of Object.entries(filters)) {
    const found = await read('GET /api/runs', `/api/runs?all=true&${filter}`);
    assert.deepEqual(
      found.runs.map(({ name }) => name),
      names,
      filter,
    );
  }

  const details = await read('GET /api/runs/:run', run);
  assert.equal(details.run?.status, 'completed');
  assert.deepEqual(JSON.parse(details.config_json).command, command);
  const [attempt] = details.attempts;
  assert.equal(attempt?.exit_kind, 'exited');
  assert.notEqual(attempt?.started_at, '');
  const { events, next_seq } = await read('GET /api/runs/:run/events', `${run}/events?from_seq=2`);
  assert.equal(events[0]?.seq, 2);
  assert.equal(next_seq, (details.run?.last_seq ?? 0) + 1);
  const yardEvents = await read('GET /api/events', '/api/events?after_pos=1&limit=2');
  assert.deepEqual(
    yardEvents.events.map(({ pos }) => pos),
    [2, 3],
  );
  const { transitions } = await read('GET /api/runs/:run/transitions', `${run}/transitions`);
  const started = transitions.find(({ event }) => event?.event === 'slots.leased');
  assert.ok(started?.begun.includes('attempt') || (started?.begun.length ?? 0) > 0);
  assert.equal(JSON.parse(started?.context_json ?? '').attempt, 1);

  const logs = await read('GET /api/runs/:run/logs', `${run}/logs?limit=2`);
  assert.equal(logs.more, true);
  const rest = await read('GET /api/runs/:run/logs', `${run}/logs?from_seq=${logs.next_seq}`);
  assert.equal(rest.more, false);
  const said = [...logs.lines, ...rest.lines].map(({ text }) => text);
  assert.deepEqual(said.sort(), ['hello', 'loss=0.5 step=1', 'loss=nan step=2', 'oops']);
  const offset = await read('GET /api/runs/:run/logs', `${run}/logs?stream=stdout&from_offset=6`);
  assert.equal(offset.lines[0]?.text, 'loss=0.5 step=1');
  const grep = await read('GET /api/runs/:run/logs', `${run}/logs?grep=OOPS`);
  assert.deepEqual(
    grep.lines.map(({ stream }) => stream),
    ['stderr'],
  );

  const metrics = await read('GET /api/runs/:run/metrics', `${run}/metrics?key=loss`);
  assert.deepEqual(
    metrics.points.map(({ value }) => value),
    [0.5, 'NaN'],
  );
  const thinned = await read('GET /api/runs/:run/metrics', `${run}/metrics?thin=1`);
  assert.equal(thinned.points_there, 2);
  await until(async () => {
    const { keys } = await read('GET /api/metric-keys', `/api/metric-keys?runs=${id}`);
    return keys.some(({ key, count }) => key === 'loss' && count === 2);
  }, 'what is known of the metric');

  const { artifacts } = await read('GET /api/runs/:run/artifacts', `${run}/artifacts`);
  assert.deepEqual(artifacts.map(({ name }) => name).sort(), ['page.html', 'v.mp4']);
  const bytes = 'GET /api/runs/:run/artifacts/:attempt/*';
  const part = await visit(bytes, `${run}/artifacts/1/v.mp4`, { headers: { range: 'bytes=5-9' } });
  assert.equal(part.status, 206);
  assert.equal(part.text, 'video');
  assert.equal(part.headers['content-range'], `bytes 5-9/${artifact.length}`);
  assert.match(part.headers['content-disposition'] ?? '', /^inline/);
  const whole = await visit(bytes, `${run}/artifacts/1/v.mp4`);
  assert.equal(whole.text, artifact.toString());
  const etag = String(whole.headers.etag);
  const same = await visit(bytes, `${run}/artifacts/1/v.mp4`, {
    headers: { 'if-none-match': etag },
  });
  assert.equal(same.status, 304);
  const beyond = await visit(bytes, `${run}/artifacts/1/v.mp4`, {
    headers: { range: 'bytes=999999-' },
  });
  assert.equal(beyond.status, 416);
  const html = await visit(bytes, `${run}/artifacts/1/page.html`);
  assert.match(html.headers['content-disposition'] ?? '', /^attachment/);
  assert.equal(html.headers['x-content-type-options'], 'nosniff');
  assert.match(String(html.headers['content-security-policy']), /sandbox/);
  for (const name of ['../../../token', '..%2f..%2f..%2ftoken', '/etc/passwd', '%2fetc%2fpasswd']) {
    const out = await visit(bytes, `${run}/artifacts/1/${name}`);
    assert.notEqual(out.status, 200, name);
    assert.doesNotMatch(out.text, new RegExp(`${tokenOf(yard)}|root:`), name);
  }
  // Whoever can write into the store may name a place outside in its manifest.
  const manifest = artifacts.find(({ name }) => name === 'v.mp4')?.path ?? '';
  fs.rmSync(manifest);
  fs.symlinkSync(path.join(yard.home, 'token'), manifest);
  const link = await visit(bytes, `${run}/artifacts/1/v.mp4`);
  assert.doesNotMatch(link.text, new RegExp(tokenOf(yard)));

  assert.notEqual(
    (await read('POST /api/runs/:run/pin', `${run}/pin`, { pinned: true })).pinned_at,
    '',
  );
  const kept = await visit('DELETE /api/runs/:run', run);
  assert.equal(JSON.parse(kept.text).error.code, 'run_pinned');
  const removed = await read('DELETE /api/runs/:run', waits);
  assert.equal(removed.run_id, later.run_id);
  const gone = await visit('GET /api/runs/:run', waits);
  assert.equal(gone.status, 404);

  assert.equal((await read('GET /api/health', '/api/health')).console, address);
  for (const probe of ['/healthz', '/readyz'] as const)
    assert.deepEqual(await read(`GET ${probe}`, probe), { status: 'ok', parts: [] });
  const { gpus } = await read('GET /api/gpus', '/api/gpus');
  assert.equal(gpus.length, 2);
  const { streams } = await read('GET /api/bus/streams', '/api/bus/streams');
  assert.equal(streams.length, 6);
  const { subscribers } = await read('GET /api/bus/subscribers', '/api/bus/subscribers');
  assert.deepEqual(
    subscribers.filter(({ ours }) => !ours),
    [],
  );
  const { readers } = await read('GET /api/bus/readers', '/api/bus/readers');
  assert.deepEqual(readers, []);
  const drained = await read('POST /api/drain', '/api/drain', { target: '1', on: true });
  assert.equal(drained.on, true);
  const chart = await visit('GET /api/charts/:machine', '/api/charts/run');
  assert.match(chart.text, /data-state="running\.live"/);
  const schema = await visit('GET /api/schemas/:name', '/api/schemas/train-run-config.v1');
  assert.equal(JSON.parse(schema.text).title, 'TrainRunConfig');
  const own = await visit('GET /api/openapi.json', '/api/openapi.json');
  assert.deepEqual(JSON.parse(own.text), page);
  assert.equal((await read('GET /api/session', '/api/session')).role, 'operator');

  const again = `/api/runs/${id}/retry`;
  // The daemon remembers what the newest runs were submitted with.
  const bare = await read('POST /api/runs/:run/retry', again, {});
  assert.equal((await yard.client.get(bare.run_id)).retry_of, id);
  const cell = { group: 'g1', params: { seed: '1' }, hold: true };
  const retried = await read('POST /api/runs/:run/retry', again, { env_ref, changes: cell });
  const like = await read('GET /api/runs', '/api/runs?group=g1');
  assert.deepEqual(
    like.runs.map(({ run_id: runId, retry_of: of, params }) => [runId, of, params.seed]),
    [[retried.run_id, id, '1']],
  );
  const { groups } = await read('GET /api/groups', '/api/groups');
  assert.deepEqual(
    groups.map(({ group, runs, held }) => [group, runs, held]),
    [['g1', 1, 1]],
  );
  const group = await read('GET /api/groups/:group', '/api/groups/g1');
  assert.equal(group.state, 'queued');
  const none = await visit('GET /api/groups/:group', '/api/groups/g2');
  assert.equal(JSON.parse(none.text).error.code, 'run_not_found');
  await read('POST /api/groups/:group/stop', '/api/groups/g1/stop', { reason: 'enough' });
  assert.equal((await yard.client.wait(retried.run_id)).stop_reason, 'enough');

  const figures = await visit('GET /metrics', '/metrics');
  assert.match(figures.text, /^runyard_runs\{state="queued"\} 0$/m);

  const wrong = await visit('GET /api/runs', '/api/runs?limit=many&stauts=x');
  assert.equal(wrong.status, 400);
  assert.deepEqual(
    JSON.parse(wrong.text)
      .error.violations.map(({ field }: { field: string }) => field)
      .sort(),
    ['/limit', '/stauts'],
  );
  const refused = await visit('POST /api/runs', '/api/runs', json({ config: { comand: [] } }));
  assert.equal(JSON.parse(refused.text).error.code, 'config_invalid');

  // These have tests of their own.
  const elsewhere = [
    'GET /api/stream',
    'POST /api/streams/:id/subscriptions',
    'POST /api/session',
    'DELETE /api/session',
  ];
  const all = routes.map(({ method, url }) => `${method} ${url}`);
  assert.deepEqual([...visited, ...elsewhere].sort(), all.sort());
});
