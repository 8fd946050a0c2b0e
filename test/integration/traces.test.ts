/** Traces as a collector gets them, decoded by OpenTelemetry's own definitions. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { RunEvent } from '../../src/contracts/index.ts';
import { arm } from '../../src/failpoints.ts';
import { attemptSpanId } from '../../src/telemetry/index.ts';
import { type Collector, type SeenSpan, startCollector } from '../fixtures/collector.ts';
import { startYard, until, type Yard } from './yard.ts';

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent' };
const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const traceparent = `00-${caller.traceId}-${caller.spanId}-01`;

/** Each span once: what was sent again has to be the same, to the last attribute. */
function distinct(spans: readonly SeenSpan[]): SeenSpan[] {
  const found = new Map<string, SeenSpan>();
  for (const span of spans) {
    const same = found.get(span.spanId);
    if (same !== undefined) assert.deepEqual(span, same, 'sent again, and not the same');
    found.set(span.spanId, span);
  }
  return [...found.values()];
}

function ofRun(collector: Collector, runId: string): SeenSpan[] {
  return distinct(
    collector.spans.filter(({ attributes }) => attributes['runyard.run.id'] === runId),
  );
}

async function wholeTrace(collector: Collector, runId: string): Promise<SeenSpan[]> {
  const root = (): boolean => ofRun(collector, runId).some(({ name }) => name === 'run');
  await until(root, `the whole trace of ${runId}`, 120_000);
  return ofRun(collector, runId);
}

/** Every transition is the event of exactly one span; every parent is there, but the caller's. */
function assertWhole(spans: readonly SeenSpan[], events: readonly RunEvent[], callerId = ''): void {
  const told = spans.flatMap((span) => span.events.map((event) => ({ span, event })));
  const bySeq = told.sort(
    (a, b) => Number(a.event.attributes['runyard.seq']) - Number(b.event.attributes['runyard.seq']),
  );
  assert.deepEqual(
    bySeq.map(({ event }) => [
      event.attributes['runyard.seq'],
      event.name,
      event.attributes['runyard.from'],
      event.attributes['runyard.to'],
    ]),
    events.map(({ seq, event, from, to }) => [seq, event, from, to]),
  );
  for (const { span, event } of told) {
    assert(event.atMs >= span.startMs && event.atMs <= span.endMs, `${event.name} in ${span.name}`);
    assert.notEqual(event.attributes['runyard.actor'] ?? '', '');
  }
  const ids = new Set(spans.map(({ spanId }) => spanId));
  assert.equal(ids.size, spans.length);
  assert.deepEqual(
    spans
      .filter(({ parentId }) => !ids.has(parentId))
      .map(({ name, parentId }) => [name, parentId]),
    [['run', callerId]],
    'orphans',
  );
  for (const span of spans) {
    const parent = spans.find(({ spanId }) => spanId === span.parentId);
    if (parent === undefined) continue;
    assert(span.startMs >= parent.startMs && span.endMs <= parent.endMs, `${span.name} within`);
  }
}

const twice = `echo "$TRACEPARENT" > "$0.parent.$RUNYARD_ATTEMPT"
while [ ! -e "$0.$RUNYARD_ATTEMPT" ]; do sleep 0.02; done
test "$RUNYARD_ATTEMPT" = 2`;

test('a run with a retry, and a daemon killed in it at the worst moment, is one trace with every transition once', async () => {
  const collector = await startCollector();
  const failpoints = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'runyard-fail-'));
  await using yard = await startYard({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=lab%201',
    RUNYARD_FAILPOINTS: failpoints,
  });
  const go = path.join(yard.home, 'go');
  const { run_id: run } = await yard.client.submit(
    { command: ['sh', '-c', twice, go], cwd: yard.home, retry: { max: 1, backoff_s: 0 } },
    { env, traceparent },
  );
  const isLive = async (attempt: number): Promise<boolean> => {
    const seen = await yard.client.get(run);
    return seen.attempt === attempt && seen.state === 'running.live';
  };
  await until(() => isLive(1), 'the first attempt', 60_000);
  await until(() => ofRun(collector, run).some(({ name }) => name === 'spawn'), 'spans', 60_000);
  // After the collector has taken the spans, and before anybody has written that down.
  arm(failpoints, 'traces.sent');
  const pid = yard.daemonPid();
  fs.writeFileSync(`${go}.1`, '');
  await until(() => !fs.existsSync(`/proc/${pid}`), 'the daemon to die', 60_000);
  await yard.up();
  await until(() => isLive(2), 'the second attempt', 60_000);
  await yard.crash();
  await yard.up();
  fs.writeFileSync(`${go}.2`, '');
  const spans = await wholeTrace(collector, run);
  assert(collector.spans.length > spans.length, 'nothing was sent again');
  const events = await yard.events(run);
  assertWhole(spans, events, caller.spanId);
  assert.deepEqual([...new Set(spans.map(({ traceId }) => traceId))], [caller.traceId]);
  assert.equal((await yard.client.get(run)).trace_id, caller.traceId);

  const attempts = spans
    .filter(({ name }) => name === 'attempt')
    .sort((a, b) => a.startMs - b.startMs);
  assert.deepEqual(
    attempts.map(({ spanId, status, attributes }) => [
      spanId,
      status.code,
      attributes['runyard.status'],
      attributes['process.exit.code'],
    ]),
    [
      [attemptSpanId({ traceId: caller.traceId, runId: run }, 1), 2, 'failed', 1],
      [attemptSpanId({ traceId: caller.traceId, runId: run }, 2), 0, 'completed', 0],
    ],
  );
  assert.deepEqual(
    attempts.map(({ links }) => links.map(({ spanId }) => spanId)),
    [[], [attempts[0]?.spanId]],
  );
  // What the trainer was told is what is there.
  for (const [index, { spanId }] of attempts.entries()) {
    const told = fs.readFileSync(`${go}.parent.${index + 1}`, 'utf8').trim();
    assert.equal(told, `00-${caller.traceId}-${spanId}-01`);
  }
  for (const name of ['preflight', 'lease', 'spawn', 'collect']) {
    assert.equal(spans.filter((span) => span.name === name).length, 2, name);
  }
  assert.deepEqual(
    [spans[0]?.resource['service.name'], spans[0]?.resource['service.instance.id']],
    ['runyard', 'test'],
  );
  assert.equal(collector.headers['x-tenant'], 'lab 1');
  const secret = JSON.stringify(collector.spans);
  assert(!secret.includes('nonexistent'), 'the environment is in the trace');
  await collector.close();
  fs.rmSync(failpoints, { recursive: true });
});

async function quickRun(yard: Yard, group = ''): Promise<string> {
  const { run_id: run } = await yard.client.submit(
    { command: ['true'], cwd: '/', ...(group === '' ? {} : { group }) },
    { env },
  );
  assert.equal((await yard.client.wait(run)).status, 'completed');
  return run;
}

test('a collector that fails in any way holds nothing up, and gets all of it when it is well again', async () => {
  const collector = await startCollector();
  await using yard = await startYard({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_TIMEOUT: '300',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  });
  const runs: string[] = [];
  for (const manner of ['hang', 'busy', 'garbage', 'page'] as const) {
    collector.manner = manner;
    const { requests } = collector;
    runs.push(await quickRun(yard, 'seeds'));
    await until(() => collector.requests > requests, `a request that meets ${manner}`, 60_000);
  }
  assert.deepEqual(collector.spans, []);
  collector.manner = 'accept';
  for (const run of runs) assertWhole(await wholeTrace(collector, run), await yard.events(run));
  // Nothing came twice, for nothing was taken twice.
  assert.equal(distinct(collector.spans).length, collector.spans.length);
  const links = runs.map((run) => ofRun(collector, run).find(({ name }) => name === 'run')?.links);
  const first = ofRun(collector, runs[0] ?? '').find(({ name }) => name === 'run');
  assert.deepEqual(
    links.map((each) => each?.map(({ spanId }) => spanId)),
    [[], [first?.spanId], [first?.spanId], [first?.spanId]],
  );
  await collector.close();
});

test('a collector that comes when it is too late gets what was not dropped, and the rest is counted', async () => {
  const collector = await startCollector();
  collector.manner = 'busy';
  await using yard = await startYard(
    { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    { settings: { otlp_backlog: 20 } },
  );
  const early = [await quickRun(yard), await quickRun(yard), await quickRun(yard)];
  const { requests } = collector;
  const last = await quickRun(yard);
  await until(() => collector.requests > requests + 1, 'it to be tried again', 60_000);
  collector.manner = 'accept';
  assertWhole(await wholeTrace(collector, last), await yard.events(last));
  const [first = ''] = early;
  assert.deepEqual(ofRun(collector, first), []);
  await collector.close();
});
