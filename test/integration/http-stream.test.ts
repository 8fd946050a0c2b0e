import assert from 'node:assert/strict';
import net from 'node:net';
import os from 'node:os';
import { test } from 'node:test';
import { pino } from 'pino';
import type { DaemonStatus, RunEvent, RunSummary } from '../../src/contracts/index.ts';
import { RunyardError } from '../../src/errors.ts';
import { startHttpServer } from '../../src/transport/http/index.ts';
import { createFakeAudit } from '../fixtures/audit.ts';
import { createFakeOrchestrator } from '../fixtures/orchestrator.ts';
import { ask, consoleOf, json, readEvents, type SentEvent, tokenOf } from './http-fixture.ts';
import { startYard, until, type Yard } from './yard.ts';

type Reader = {
  events: SentEvent[];
  positions: number[];
  lastId(): string;
  close(): Promise<void>;
};

/** Reads until it is closed, or the daemon goes. */
function follow(yard: Yard, address: string, lastEventId?: string, query = ''): Reader {
  const controller = new AbortController();
  const events: SentEvent[] = [];
  const positions: number[] = [];
  const headers = {
    authorization: `Bearer ${tokenOf(yard)}`,
    ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
  };
  const reading = (async () => {
    try {
      for await (const sent of readEvents(
        address,
        `/api/stream${query}`,
        headers,
        controller.signal,
      )) {
        events.push(sent);
        if (sent.event !== 'transitions') continue;
        positions.push(...(sent.data as RunEvent[]).map(({ pos }) => pos));
        assert.equal(Number(sent.id), positions.at(-1));
      }
    } catch (error) {
      // Cut off by us, or by the daemon's death.
      if (error instanceof assert.AssertionError) throw error;
    }
  })();
  return {
    events,
    positions,
    lastId: () => events.at(-1)?.id ?? '',
    async close() {
      controller.abort();
      await reading;
    },
  };
}

async function allPositions(yard: Yard, address: string): Promise<number[]> {
  const found: number[] = [];
  for (;;) {
    const { text } = await ask(address, `/api/events?after_pos=${found.at(-1) ?? 0}`, {
      headers: { authorization: `Bearer ${tokenOf(yard)}` },
    });
    const { events } = JSON.parse(text) as { events: RunEvent[] };
    if (events.length === 0) return found;
    found.push(...events.map(({ pos }) => pos));
  }
}

function helloOf({ events }: Reader): { stream: string; pos: number; reset: boolean } | undefined {
  return events.find(({ event }) => event === 'hello')?.data as ReturnType<typeof helloOf>;
}

/** Of a server without a daemon, whose port a test makes. */
const door = {
  listen: '127.0.0.1:0',
  sessions: {
    cookieName: 'none',
    exchange: () => null,
    find: () => null,
    isCsrf: () => false,
    end: () => undefined,
  },
  roleOf: () => 'viewer' as const,
  user: 'me',
  figures: async () => ({ contentType: 'text/plain', text: '' }),
  pageDir: os.tmpdir(),
  schemasDir: os.tmpdir(),
  audit: createFakeAudit(),
  tls: null,
  isCalled: () => false,
  log: pino({ level: 'silent' }),
};

test('a stream that is taken up again has neither gap nor repeat, though the daemon was killed', async () => {
  await using yard = await startYard({ RUNYARD_PARALLEL: '2' });
  const address = await consoleOf(yard);
  const submit = async (count: number): Promise<string[]> => {
    const made = Array.from({ length: count }, () =>
      yard.client.submit({ command: ['true'], cwd: yard.home }),
    );
    return (await Promise.all(made)).map(({ run_id: id }) => id);
  };
  // From before the first event: a break there must not become a gap.
  const first = follow(yard, address);
  await until(() => helloOf(first), 'the greeting');
  assert.equal(first.lastId(), '0');
  const seen: number[] = [];
  let last = first.lastId();
  await first.close();

  const ids = await submit(3);
  for (const round of [1, 2]) {
    const reader = follow(yard, address, last);
    await until(() => reader.positions.length > 0, 'events');
    ids.push(...(await submit(4)));
    await until(() => reader.positions.length > 6, 'more of them');
    await yard.crash();
    await reader.close();
    seen.push(...reader.positions);
    last = reader.lastId();
    await yard.up();
    assert.equal(await consoleOf(yard), address, `round ${round}`);
  }
  const rest = follow(yard, address, last);
  for (const id of ids) await yard.client.wait(id);
  const all = await allPositions(yard, address);
  await until(() => rest.positions.at(-1) === all.at(-1), 'the last event');
  // Each run's summary comes in the end as it is in the end.
  await until(() => {
    const runs = rest.events
      .filter(({ event }) => event === 'runs')
      .flatMap(({ data }) => (data as { runs: RunSummary[] }).runs);
    const newest = new Map(runs.map((run) => [run.run_id, run.status]));
    return ids.slice(-4).every((id) => newest.get(id) === 'completed');
  }, 'the last summaries');
  await rest.close();
  seen.push(...rest.positions);
  assert.deepEqual(seen, all);
});

test('a stream that broke between a transition and the summary of its run brings that summary', async () => {
  await using yard = await startYard();
  const address = await consoleOf(yard);
  const { run_id: run } = await yard.client.submit({ command: ['true'], cwd: yard.home });
  await yard.client.wait(run);
  const newest = (await allPositions(yard, address)).at(-1);
  // All transitions had come, up to the last one; the summary is due a quarter of a second later.
  const reader = follow(yard, address, String(newest));
  const summaries = (): RunSummary[] =>
    reader.events
      .filter(({ event }) => event === 'runs')
      .flatMap(({ data }) => (data as { runs: RunSummary[] }).runs);
  await until(
    () => summaries().some(({ run_id: id, status }) => id === run && status === 'completed'),
    'the summary',
  );
  assert.deepEqual(reader.positions, []);
  await reader.close();
});

test('a position that is ahead of the yard is told, and a stream begins from now', async () => {
  await using yard = await startYard();
  const address = await consoleOf(yard);
  const reader = follow(yard, address, '999999');
  const hello = await until(() => helloOf(reader), 'the greeting');
  assert.deepEqual([hello.pos, hello.reset], [0, true]);
  await until(() => reader.events.some(({ event }) => event === 'health'), 'how the daemon is');
  await until(() => reader.events.some(({ event }) => event === 'gpus'), 'the GPUs');
  await reader.close();
});

test('a tab chooses points and lines of runs for its stream, and gives them up', async () => {
  await using yard = await startYard();
  const address = await consoleOf(yard);
  const { run_id: run } = await yard.client.submit({
    command: ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo "loss=$i step=$i"; sleep 0.1; done'],
    cwd: yard.home,
  });
  const subs = encodeURIComponent(JSON.stringify([{ kind: 'logs', id: 'lines', run }]));
  const reader = follow(yard, address, undefined, `?subs=${subs}`);
  const { stream } = await until(() => helloOf(reader), 'the greeting');
  const change = async (body: object) => {
    const headers = { authorization: `Bearer ${tokenOf(yard)}`, ...json({}).headers };
    const asked = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await ask(address, `/api/streams/${stream}/subscriptions`, asked);
    return { status: answer.status, ...JSON.parse(answer.text) };
  };
  const added = await change({
    add: [
      { kind: 'metrics', id: 'curve', run, key: 'loss', from_seq: 2 },
      { kind: 'runs', id: 'rows', runs: [run] },
    ],
  });
  assert.deepEqual(added.subscriptions, ['lines', 'curve', 'rows']);
  const of = (name: string, sub: string) =>
    reader.events.filter(
      ({ event, data }) => event === name && (data as { sub: string }).sub === sub,
    );
  type Points = { points: { seq: number; value: number }[] };
  type Lines = { lines: { seq: number }[] };
  const points = () => of('metrics', 'curve').flatMap(({ data }) => (data as Points).points);
  const lines = () => of('logs', 'lines').flatMap(({ data }) => (data as Lines).lines);
  await until(() => points().length > 5 && lines().length > 5, 'points and lines');
  assert.deepEqual(
    points().map(({ seq }) => seq),
    points().map((_, index) => index + 2),
  );
  assert.deepEqual(
    lines().map(({ seq }) => seq),
    lines().map((_, index) => index + 1),
  );
  await until(() => of('runs', 'rows').length > 0, 'the row');
  const left = await change({ remove: ['lines', 'rows'] });
  assert.deepEqual(left.subscriptions, ['curve']);
  const more = async (): Promise<void> => {
    const before = points().length;
    await until(() => points().length > before + 5, 'more points');
  };
  // What was on its way when the answer came is here by then.
  await more();
  const { length } = lines();
  await more();
  assert.equal(lines().length, length, 'lines came that nobody wants');
  const wrong = await change({
    add: [
      { kind: 'metrics', id: 'x' },
      { kind: 'dreams', id: 'y' },
    ],
  });
  assert.equal(wrong.status, 400);
  assert.deepEqual(
    wrong.error.violations.map(({ field }: { field: string }) => field),
    ['/0/run', '/1/kind'],
  );
  const nobody = await change({ add: [{ kind: 'logs', id: 'z', run: 'nobody' }] });
  assert.equal(nobody.status, 200);
  const end = await until(() => of('sub_end', 'z')[0], 'why there are none');
  assert.equal((end.data as { error: { code: string } }).error.code, 'run_not_found');
  await yard.client.stop(run, { now: true });
  await until(() => of('sub_end', 'curve').length === 1, 'the end of the points');
  await reader.close();
});

test('a reader that stands still is bounded, told and cut off, and goes on by its position', async (t) => {
  const total = 20_000;
  let asked = 0;
  const said: string[] = [];
  const event = (pos: number) =>
    ({ run_id: 'noisy', seq: pos, pos, detail_json: 'x'.repeat(500) }) as RunEvent;
  const port = {
    ...createFakeOrchestrator(),
    get: () => ({ run_id: 'noisy' }) as RunSummary,
    health: () => ({ status: 'ok' }) as DaemonStatus,
    yardPos: () => total,
    yardEvents(after: number, limit: number) {
      asked = Math.max(asked, after);
      const count = Math.min(limit, total - after);
      return Array.from({ length: count }, (_, index) => event(after + index + 1));
    },
  };
  const server = await startHttpServer({
    ...door,
    port,
    log: pino({ level: 'info' }, { write: (line: string) => said.push(line) }),
    stallMs: 500,
  });
  t.after(() => server.close());
  const [host = '', at = ''] = server.address.split(':');
  const socket = net.connect(Number(at), host);
  socket.setEncoding('latin1');
  t.after(() => socket.destroy());
  socket.pause();
  const head = `Host: ${server.address}\r\nAuthorization: x\r\nConnection: close`;
  socket.write(`GET /api/stream?pos=0 HTTP/1.1\r\n${head}\r\n\r\n`);
  await until(() => asked > 0, 'the first events');
  // It reads nothing. Another one gets all there is meanwhile.
  const controller = new AbortController();
  const positions: number[] = [];
  const headers = { authorization: 'x' };
  for await (const { event: name, data } of readEvents(
    server.address,
    '/api/stream?pos=15000',
    headers,
    controller.signal,
  )) {
    if (name === 'transitions') positions.push(...(data as RunEvent[]).map(({ pos }) => pos));
    if (positions.at(-1) === total) break;
  }
  assert.equal(positions.length, 5000);
  await until(() => said.some((line) => line.includes('stands still')), 'the end of its stream');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  await closed;
  assert.match(text, /event: bye\ndata: \{"code":"slow_reader"/);
  const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  const last = ids.at(-1) ?? 0;
  assert(last < total, `all ${last} events were written to somebody who does not read`);
  // From there on, in one go.
  const rest: number[] = [];
  for await (const { event: name, data } of readEvents(
    server.address,
    '/api/stream',
    { ...headers, 'last-event-id': String(last) },
    new AbortController().signal,
  )) {
    if (name === 'transitions') rest.push(...(data as RunEvent[]).map(({ pos }) => pos));
    if (rest.at(-1) === total) break;
  }
  assert.deepEqual([rest[0], rest.length], [last + 1, total - last]);
});

test('a registry that cannot be read ends a stream with the reason, and nothing else', async (t) => {
  const wakes: (() => void)[] = [];
  const port = {
    ...createFakeOrchestrator(),
    health: () => ({ status: 'ok' }) as DaemonStatus,
    onYard(wake: () => void) {
      wakes.push(wake);
      return () => undefined;
    },
    yardEvents: (): RunEvent[] => {
      if (wakes.length === 0) return [];
      throw new RunyardError('registry_unavailable', 'the disk does not answer');
    },
  };
  const server = await startHttpServer({ ...door, port });
  t.after(() => server.close());
  const events: SentEvent[] = [];
  const headers = { authorization: 'x' };
  const { signal } = new AbortController();
  for await (const sent of readEvents(server.address, '/api/stream', headers, signal))
    events.push(sent);
  const { event, data } = events.at(-1) as SentEvent;
  assert.equal(event, 'bye');
  assert.equal((data as { code: string }).code, 'registry_unavailable');
  const again = await ask(server.address, '/api/session', { headers });
  assert.equal(again.status, 200);
});
